//! Erasure of an account (Québec's Law 25).

use super::{AccountCounters, DeskStore, scan};
use guichet_domain::account::AccountName;
use guichet_domain::keys::AccountPseudonym;
use guichet_store::table::{Item, store_error};
use guichet_store::{StoreError, Table};
use guichet_store::{credentials, directory, throttles};

async fn delete(table: &Table, key: Item) -> Result<(), StoreError> {
    let output = table.client.delete_item().table_name(&table.name).set_key(Some(key)).send().await;
    output.map(drop).map_err(store_error("delete an item"))
}

async fn delete_partition(table: &Table, hash: &str, value: &str, range: &str) -> Result<(), StoreError> {
    for mut item in table.partition(hash, value).await? {
        item.retain(|name, _| name == hash || name == range);
        delete(table, item).await?;
    }
    Ok(())
}

impl DeskStore {
    /// Deletes everything about an account but the desk's audit log. What lets somebody in goes first; what shows that
    /// the account existed goes last, so that an interrupted erasure can be repeated.
    pub(crate) async fn erase(
        &self,
        account: &AccountName,
        account_key: &AccountPseudonym,
        counters: &AccountCounters,
    ) -> Result<(), StoreError> {
        delete(&self.credentials.0, credentials::key(account)).await?;
        delete_partition(&self.sessions.0, "account", account.as_str(), "secret_hash").await?;
        for key in scan(&self.tokens.0, Some(account), Some("token_hash")).await? {
            delete(&self.tokens.0, key).await?;
        }
        delete_partition(&self.devices.0, "account", account.as_str(), "cookie_hash").await?;
        self.delete_counters(counters).await?;
        delete_partition(&self.mail_requests.0, "account_key", account_key.as_str(), "request").await?;
        delete_partition(&self.events.0, "account_key", account_key.as_str(), "at_id").await?;
        delete(&self.directory.0, directory::key(account)).await
    }

    /// Lifts every limit on an account.
    pub(crate) async fn delete_counters(&self, counters: &AccountCounters) -> Result<(), StoreError> {
        for counter in counters.all() {
            delete(&self.throttles.0, throttles::key(&counter)).await?;
        }
        Ok(())
    }
}
