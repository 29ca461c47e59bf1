//! Credentials: the password hash of an account, and the version that ends everything older when it rises.

use super::directory::Entry;
use super::{Item, StoreError, Table, failed, if_held, number, read, text, write};
use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::password::StoredHash;
use crate::person::{Language, PersonName};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use serde_dynamo::to_attribute_value;

/// Whether an account may be used, and the version of its credentials. What the mailer may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Raised by every change of the password and by a deactivation. Links and sessions of an older version are dead.
    pub version: u64,
    /// Whether the account may be used.
    pub active: bool,
}

impl Standing {
    /// Whether what was made for this version lets its bearer in.
    #[must_use]
    pub fn is_good_for(&self, version: u64) -> bool {
        self.active && self.version == version
    }
}

/// The standing and the name: what may be known without the hash.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// Whose.
    pub account: AccountName,
    /// May it be used, and which version is it.
    #[serde(flatten)]
    pub standing: Standing,
    /// The person's name.
    #[serde(flatten)]
    pub name: PersonName,
    /// The directory's language of theirs. (`language` is a word that DynamoDB keeps for itself.)
    #[serde(default)]
    pub preferred_language: Language,
}

/// Everything, for the one who verifies a password.
#[derive(Clone, Deserialize)]
pub struct Credential {
    /// All but the hash.
    #[serde(flatten)]
    pub holder: Holder,
    phc: Option<String>,
    key_id: Option<String>,
}

impl Credential {
    /// The hash, where a password was set.
    #[must_use]
    pub fn hash(&self) -> Option<StoredHash> {
        Some(StoredHash { phc: self.phc.clone()?, key_id: self.key_id.clone()? })
    }
}

/// The Credentials table.
pub struct Credentials(pub Table);

impl Credentials {
    /// That which `CREDENTIALS_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "CREDENTIALS_TABLE").map(Self)
    }

    /// The standing of an account, read consistently.
    pub async fn standing(&self, account: &AccountName) -> Result<Option<Standing>, StoreError> {
        self.project(account, "account, version, active").await
    }

    /// The standing and name of an account, read consistently.
    pub async fn holder(&self, account: &AccountName) -> Result<Option<Holder>, StoreError> {
        self.project(account, HOLDER).await
    }

    pub(super) async fn project<T: serde::de::DeserializeOwned>(
        &self,
        account: &AccountName,
        attributes: &str,
    ) -> Result<Option<T>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .get_item()
            .table_name(name)
            .set_key(Some(key(account)))
            .projection_expression(attributes)
            .consistent_read(true)
            .send()
            .await;
        answer.map_err(failed("read credentials"))?.item.map(read).transpose()
    }

    /// The standing and names of up to [`READ_AT_ONCE`](super::READ_AT_ONCE) accounts, those that there are.
    pub async fn holders(&self, accounts: &[AccountName]) -> Result<Vec<Holder>, StoreError> {
        const DOING: &str = "read credentials";
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(accounts.iter().map(key).collect()))
            .projection_expression(HOLDER)
            .consistent_read(true)
            .build();
        self.0.read_batch(keys.map_err(failed(DOING))?, DOING).await
    }

    /// Makes room for up to [`WRITTEN_AT_ONCE`](super::WRITTEN_AT_ONCE) accounts that had none: version 0, no password.
    pub async fn admit(&self, holders: &[Holder]) -> Result<(), StoreError> {
        self.0.write_batch(holders.iter().map(write).collect::<Result<_, _>>()?, "admit accounts").await
    }

    /// Follows the directory for an account that is there: its name, its language, and whether it may be used. What ends
    /// with a deactivation is dead for good, also where the account comes back. Where it is not in use as it `was`, by the
    /// desk's doing or by an earlier try of this very write, nothing is written.
    pub async fn follow(&self, entry: &Entry, was: Standing) -> Result<(), StoreError> {
        const DOING: &str = "follow the directory";
        const FOLLOWED: &str = "SET active = :active, given_name = :given_name, family_name = :family_name, \
            preferred_language = :preferred_language, version = version + :raise";
        let Table { client, name: table } = &self.0;
        let preferred_language: AttributeValue = to_attribute_value(entry.language).map_err(failed(DOING))?;
        let answer = client
            .update_item()
            .table_name(table)
            .set_key(Some(key(&entry.account)))
            .update_expression(FOLLOWED)
            .condition_expression("active = :was")
            .expression_attribute_values(":was", AttributeValue::Bool(was.active))
            .expression_attribute_values(":active", AttributeValue::Bool(entry.active))
            .expression_attribute_values(":given_name", text(&entry.name.given_name))
            .expression_attribute_values(":family_name", text(&entry.name.family_name))
            .expression_attribute_values(":preferred_language", preferred_language)
            .expression_attribute_values(":raise", number(u8::from(was.active && !entry.active)))
            .send()
            .await;
        if_held(answer, DOING).map(drop)
    }

    /// Keeps the same password in a hash of today, if it is still the one that was `verified`.
    pub async fn rehash(&self, holder: &Holder, verified: &StoredHash, today: &StoredHash) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&holder.account)))
            .update_expression("SET phc = :phc, key_id = :key_id")
            .condition_expression("version = :version AND phc = :verified")
            .expression_attribute_values(":phc", text(&today.phc))
            .expression_attribute_values(":key_id", text(&today.key_id))
            .expression_attribute_values(":version", number(holder.standing.version))
            .expression_attribute_values(":verified", text(&verified.phc))
            .send()
            .await;
        if_held(answer, "hash a password anew").map(drop)
    }

    /// In a transaction: the new hash and the next version, if the account is active and at this version.
    pub(super) fn set_password(
        &self,
        account: &AccountName,
        version: u64,
        hash: &StoredHash,
        now: UnixTime,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(account)))
            .update_expression("SET phc = :phc, key_id = :key_id, changed_at = :now, version = :next")
            .condition_expression("version = :version AND active = :yes")
            .expression_attribute_values(":phc", text(&hash.phc))
            .expression_attribute_values(":key_id", text(&hash.key_id))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":next", number(version + 1))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(failed("set a password"))?).build())
    }
}

/// For a batch: the item of an account, whole or these attributes of it, read consistently.
pub(super) fn keys(account: &AccountName, attributes: Option<&str>) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder()
        .keys(key(account))
        .set_projection_expression(attributes.map(str::to_owned))
        .consistent_read(true)
        .build()
        .map_err(failed("read credentials"))
}

/// The attributes of a [`Holder`]: all but the hash.
pub(super) const HOLDER: &str = "account, version, active, given_name, family_name, preferred_language";

pub(super) fn key(account: &AccountName) -> Item {
    [("account".to_owned(), text(account.as_str()))].into()
}
