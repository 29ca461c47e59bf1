//! What is taken out where an account is forgotten (Law 25).

use super::Counters;
use crate::account::AccountName;
use crate::keys::AccountKey;
use crate::store::credentials::{self, Credentials};
use crate::store::devices::Devices;
use crate::store::directory::{self, Directory};
use crate::store::events::Events;
use crate::store::mail_requests::MailRequests;
use crate::store::sessions::Sessions;
use crate::store::throttles::{self, Throttles};
use crate::store::tokens::Tokens;
use crate::store::{Item, StoreError, Table, failed};

impl Table {
    async fn delete(&self, key: Item) -> Result<(), StoreError> {
        let answer = self.client.delete_item().table_name(&self.name).set_key(Some(key)).send().await;
        answer.map(drop).map_err(failed("take an item out"))
    }

    /// Takes the items of a partition out.
    async fn delete_partition(&self, hash: &str, value: &str, range: &str) -> Result<(), StoreError> {
        for mut item in self.partition(hash, value).await? {
            item.retain(|name, _| name == hash || name == range);
            self.delete(item).await?;
        }
        Ok(())
    }
}

impl Directory {
    /// Takes an account out.
    pub async fn take_out(&self, account: &AccountName) -> Result<(), StoreError> {
        self.0.delete(directory::key(account)).await
    }
}

impl Credentials {
    /// Takes an account out.
    pub async fn take_out(&self, account: &AccountName) -> Result<(), StoreError> {
        self.0.delete(credentials::key(account)).await
    }
}

impl MailRequests {
    /// Takes all requests under a name out.
    pub async fn take_out(&self, name_key: &AccountKey) -> Result<(), StoreError> {
        self.0.delete_partition("name_key", name_key.as_str(), "request").await
    }
}

impl Tokens {
    /// Takes the links of an account out.
    pub async fn take_out(&self, account: &AccountName) -> Result<(), StoreError> {
        for key in self.0.scan(Some(account), Some("token_hash")).await? {
            self.0.delete(key).await?;
        }
        Ok(())
    }
}

impl Sessions {
    /// Takes the sessions of an account out.
    pub async fn take_out(&self, account: &AccountName) -> Result<(), StoreError> {
        self.0.delete_partition("account", account.as_str(), "secret_hash").await
    }
}

impl Devices {
    /// Takes the devices of an account out.
    pub async fn take_out(&self, account: &AccountName) -> Result<(), StoreError> {
        self.0.delete_partition("account", account.as_str(), "cookie_hash").await
    }
}

impl Throttles {
    /// Forgets the counters of an account.
    pub async fn take_out(&self, counters: &Counters) -> Result<(), StoreError> {
        for counter in counters.names() {
            self.0.delete(throttles::key(&counter)).await?;
        }
        Ok(())
    }
}

impl Events {
    /// Takes out what happened to an account. What the desk did stays.
    pub async fn take_out(&self, account: &AccountKey) -> Result<(), StoreError> {
        self.0.delete_partition("account_key", account.as_str(), "at_id").await
    }
}
