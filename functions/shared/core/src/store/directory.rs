//! Directory: who bears an account. Written by the import alone.

use super::{Item, StoreError, Table, failed, if_held, number, read, text, write};
use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::mailbox::MailAddress;
use crate::person::{Language, PersonName};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::{Deserialize, Serialize};

/// Most accounts that a look-up answers.
const MAX_FOUND: i32 = 20;

/// A line of the directory.
#[derive(Clone, PartialEq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The account.
    pub account: AccountName,
    /// Where the person gets mail, if anywhere.
    pub email: Option<MailAddress>,
    /// The person's name.
    #[serde(flatten)]
    pub name: PersonName,
    /// The language of their mail.
    pub language: Language,
    /// Whether the account may be used. Only active accounts can be found.
    pub active: bool,
    /// Whether an active colleague's account has the same mail address, who would get the link too.
    pub shared_mailbox: bool,
    /// When a mail to this address came back for good, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounced_at: Option<UnixTime>,
}

/// An item with the keys of the two sparse indexes.
#[derive(Serialize)]
struct Indexed<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    folded_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_hash: Option<String>,
}

/// The key of the item that says when the directory was imported; no account's name has such a sign.
const IMPORT: &str = "#import";

#[derive(Serialize, Deserialize)]
struct Imported {
    account: String,
    imported_at: UnixTime,
}

/// What a look-up tells: the account and the name, nothing else.
#[derive(Clone, Serialize, Deserialize)]
pub struct Found {
    /// The account.
    pub account: AccountName,
    /// Whose it is.
    #[serde(flatten)]
    pub name: PersonName,
}

/// The Directory table.
pub struct Directory(pub Table);

impl Directory {
    /// That which `DIRECTORY_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "DIRECTORY_TABLE").map(Self)
    }

    /// The entry of an account, read consistently.
    pub async fn entry(&self, account: &AccountName) -> Result<Option<Entry>, StoreError> {
        let Table { client, name } = &self.0;
        let call = client.get_item().table_name(name).set_key(Some(key(account))).consistent_read(true);
        call.send().await.map_err(failed("read the directory"))?.item.map(read).transpose()
    }

    /// Marks the address of an account as one from which mails come back, if it still is the account's.
    pub async fn mark_bounced(
        &self,
        account: &AccountName,
        address: &MailAddress,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        const DOING: &str = "mark an address as bouncing";
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(account)))
            .update_expression("SET bounced_at = :now")
            .condition_expression("email = :email")
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":email", text(address.as_str()))
            .send()
            .await;
        if_held(answer, DOING).map(drop)
    }

    /// When an import last came to its end.
    pub async fn imported_at(&self) -> Result<Option<UnixTime>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.get_item().table_name(name).key("account", text(IMPORT)).send().await;
        let item = answer.map_err(failed("read when the directory was imported"))?.item;
        Ok(item.map(read::<Imported>).transpose()?.map(|imported| imported.imported_at))
    }

    /// Notes that an import came to its end.
    pub async fn note_import(&self, now: UnixTime) -> Result<(), StoreError> {
        let imported = write(&Imported { account: IMPORT.into(), imported_at: now })?;
        self.0.write_batch(vec![imported], "note an import").await
    }

    /// The active accounts of people with this name (at most 20), however it is spelled.
    pub async fn accounts_named(&self, name: &PersonName) -> Result<Vec<Found>, StoreError> {
        self.find("by_name", "folded_name", name.folded()).await
    }

    /// The active accounts with this mail address (at most 20).
    pub async fn accounts_with(&self, email: &MailAddress) -> Result<Vec<Found>, StoreError> {
        self.find("by_email", "email_hash", email.hash()).await
    }

    async fn find(&self, index: &str, attribute: &str, value: String) -> Result<Vec<Found>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .query()
            .table_name(name)
            .index_name(index)
            .key_condition_expression(format!("{attribute} = :value"))
            .expression_attribute_values(":value", text(value))
            .projection_expression("account, given_name, family_name")
            .limit(MAX_FOUND)
            .send()
            .await;
        answer.map_err(failed("search the directory"))?.items.unwrap_or_default().into_iter().map(read).collect()
    }

    /// The entries of up to [`READ_AT_ONCE`](super::READ_AT_ONCE) accounts, those that there are.
    pub async fn entries(&self, accounts: &[AccountName]) -> Result<Vec<Entry>, StoreError> {
        const DOING: &str = "read the directory";
        let keys = accounts.iter().map(key).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        self.0.read_batch(keys.map_err(failed(DOING))?, DOING).await
    }

    /// Writes up to [`WRITTEN_AT_ONCE`](super::WRITTEN_AT_ONCE) entries over what was there.
    pub async fn put(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.0.write_batch(entries.iter().map(item).collect::<Result<_, _>>()?, "write the directory").await
    }
}

pub(super) fn key(account: &AccountName) -> Item {
    [("account".to_owned(), text(account.as_str()))].into()
}

fn item(entry: &Entry) -> Result<Item, StoreError> {
    write(&Indexed {
        entry,
        folded_name: entry.active.then(|| entry.name.folded()),
        email_hash: entry.email.as_ref().filter(|_| entry.active).map(MailAddress::hash),
    })
}
