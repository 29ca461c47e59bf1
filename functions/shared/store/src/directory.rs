//! Directory: who has an account. Only the import writes it.

use crate::table::{Item, StoreError, Table, condition_met, from_item, n, s, store_error, to_item};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use guichet_domain::account::AccountName;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::person::{Language, PersonName};
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use serde::{Deserialize, Serialize};

/// Results of one search.
const MAX_RESULTS: i32 = 20;

#[derive(Clone, PartialEq, Hash, Serialize, Deserialize)]
pub struct Entry {
    pub account: AccountName,
    pub email: Option<EmailAddress>,
    #[serde(flatten)]
    pub name: PersonName,
    pub language: Language,
    /// Only active accounts can be found.
    pub active: bool,
    /// Whether another active account has the same email address, whose owner would receive the link too.
    pub shared_mailbox: bool,
    /// The last permanent bounce of this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounced_at: Option<UnixTime>,
}

/// An entry with the keys of the two sparse indexes.
#[derive(Serialize)]
struct Indexed<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    folded_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_hash: Option<String>,
}

/// Key of the item with the time of the last import. `#` cannot occur in an account name.
const IMPORT: &str = "#import";

#[derive(Serialize, Deserialize)]
struct ImportRecord {
    account: String,
    imported_at: UnixTime,
}

/// A search result.
#[derive(Clone, Serialize, Deserialize)]
pub struct FoundAccount {
    pub account: AccountName,
    #[serde(flatten)]
    pub name: PersonName,
}

pub struct Directory(pub Table);

impl Directory {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "DIRECTORY_TABLE").map(Self)
    }

    /// Read consistently.
    pub async fn entry(&self, account: &AccountName) -> Result<Option<Entry>, StoreError> {
        let Table { client, name } = &self.0;
        let call = client.get_item().table_name(name).set_key(Some(key(account))).consistent_read(true);
        call.send().await.map_err(store_error("read the directory"))?.item.map(from_item).transpose()
    }

    /// Marks the address of an account as bouncing, if it still is the account's address.
    pub async fn mark_bounced(
        &self,
        account: &AccountName,
        address: &EmailAddress,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        const CONTEXT: &str = "mark an address as bouncing";
        let Table { client, name } = &self.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(account)))
            .update_expression("SET bounced_at = :now")
            .condition_expression("email = :email")
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":email", s(address.as_str()))
            .send()
            .await;
        condition_met(output, CONTEXT).map(drop)
    }

    /// When the last import finished.
    pub async fn imported_at(&self) -> Result<Option<UnixTime>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client.get_item().table_name(name).key("account", s(IMPORT)).send().await;
        let item = output.map_err(store_error("read the time of the last import"))?.item;
        Ok(item.map(from_item::<ImportRecord>).transpose()?.map(|imported| imported.imported_at))
    }

    /// Records that an import finished.
    pub async fn record_import(&self, now: UnixTime) -> Result<(), StoreError> {
        let imported = to_item(&ImportRecord { account: IMPORT.into(), imported_at: now })?;
        self.0.write_batch(vec![imported], "record an import").await
    }

    /// Active accounts of people with this name, compared after folding; at most 20.
    pub async fn find_by_name(&self, name: &PersonName) -> Result<Vec<FoundAccount>, StoreError> {
        self.find("by_name", "folded_name", name.folded()).await
    }

    /// Active accounts with this email address; at most 20.
    pub async fn find_by_email(&self, email: &EmailAddress) -> Result<Vec<FoundAccount>, StoreError> {
        self.find("by_email", "email_hash", email.hash()).await
    }

    async fn find(&self, index: &str, attribute: &str, value: String) -> Result<Vec<FoundAccount>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .query()
            .table_name(name)
            .index_name(index)
            .key_condition_expression(format!("{attribute} = :value"))
            .expression_attribute_values(":value", s(value))
            .projection_expression("account, given_name, family_name")
            .limit(MAX_RESULTS)
            .send()
            .await;
        output
            .map_err(store_error("search the directory"))?
            .items
            .unwrap_or_default()
            .into_iter()
            .map(from_item)
            .collect()
    }

    /// The entries of up to [`MAX_BATCH_GET`](crate::MAX_BATCH_GET) accounts; missing ones are left out.
    pub async fn entries(&self, accounts: &[AccountName]) -> Result<Vec<Entry>, StoreError> {
        const CONTEXT: &str = "read the directory";
        let keys = accounts.iter().map(key).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        self.0.batch_records(keys.map_err(store_error(CONTEXT))?, CONTEXT).await
    }

    /// Puts up to [`MAX_BATCH_WRITE`](crate::MAX_BATCH_WRITE) entries.
    pub async fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.0.write_batch(entries.iter().map(item).collect::<Result<_, _>>()?, "write the directory").await
    }
}

#[must_use]
pub fn key(account: &AccountName) -> Item {
    [("account".to_owned(), s(account.as_str()))].into()
}

fn item(entry: &Entry) -> Result<Item, StoreError> {
    to_item(&Indexed {
        entry,
        folded_name: entry.active.then(|| entry.name.folded()),
        email_hash: entry.email.as_ref().filter(|_| entry.active).map(EmailAddress::hash),
    })
}
