//! Credentials: the password hash of an account, and a version that revokes everything older when it rises.

use crate::directory::Entry;
use crate::table::{Item, StoreError, Table, condition_met, from_item, n, s, store_error, to_item};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem, Update};
use guichet_domain::account::AccountName;
use guichet_domain::password::StoredHash;
use guichet_domain::person::{Language, PersonName};
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use serde::{Deserialize, Serialize};
use serde_dynamo::to_attribute_value;

/// All that the mailer may read of the credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialStatus {
    /// Rises with every password change and deactivation. Links, sessions, and devices of an older version are revoked.
    pub version: u64,
    pub active: bool,
}

impl CredentialStatus {
    /// Whether a link or session issued for this version is valid.
    #[must_use]
    pub fn accepts(&self, version: u64) -> bool {
        self.active && self.version == version
    }
}

/// Everything but the hash.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountProfile {
    pub account: AccountName,
    #[serde(flatten)]
    pub status: CredentialStatus,
    #[serde(flatten)]
    pub name: PersonName,
    /// From the directory. (`language` is a reserved word in DynamoDB expressions.)
    #[serde(default)]
    pub preferred_language: Language,
}

/// For the verification of a password.
#[derive(Clone, Deserialize)]
pub struct Credential {
    #[serde(flatten)]
    pub profile: AccountProfile,
    phc: Option<String>,
    key_id: Option<String>,
}

impl Credential {
    /// `None` if no password was set yet.
    #[must_use]
    pub fn hash(&self) -> Option<StoredHash> {
        Some(StoredHash { phc: self.phc.clone()?, key_id: self.key_id.clone()? })
    }
}

pub struct Credentials(pub Table);

impl Credentials {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "CREDENTIALS_TABLE").map(Self)
    }

    /// Read consistently.
    pub async fn status(&self, account: &AccountName) -> Result<Option<CredentialStatus>, StoreError> {
        self.project(account, "account, version, active").await
    }

    /// Read consistently.
    pub async fn profile(&self, account: &AccountName) -> Result<Option<AccountProfile>, StoreError> {
        self.project(account, PROFILE).await
    }

    /// Some attributes of an account, read consistently.
    pub async fn project<T: serde::de::DeserializeOwned>(
        &self,
        account: &AccountName,
        attributes: &str,
    ) -> Result<Option<T>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .get_item()
            .table_name(name)
            .set_key(Some(key(account)))
            .projection_expression(attributes)
            .consistent_read(true)
            .send()
            .await;
        output.map_err(store_error("read credentials"))?.item.map(from_item).transpose()
    }

    /// The profiles of up to [`MAX_BATCH_GET`](crate::MAX_BATCH_GET) accounts; missing ones are left out.
    pub async fn profiles(&self, accounts: &[AccountName]) -> Result<Vec<AccountProfile>, StoreError> {
        const CONTEXT: &str = "read credentials";
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(accounts.iter().map(key).collect()))
            .projection_expression(PROFILE)
            .consistent_read(true)
            .build();
        self.0.batch_records(keys.map_err(store_error(CONTEXT))?, CONTEXT).await
    }

    /// Creates up to [`MAX_BATCH_WRITE`](crate::MAX_BATCH_WRITE) accounts, at version 0 and without a password.
    pub async fn create(&self, profiles: &[AccountProfile]) -> Result<(), StoreError> {
        self.0.write_batch(profiles.iter().map(to_item).collect::<Result<_, _>>()?, "create accounts").await
    }

    /// Copies name, language, and `active` from the directory. A deactivation raises the version, so what it revokes
    /// stays revoked if the account is activated again. Nothing is written if `active` is not what it `was`: the desk
    /// changed it meanwhile, or this is a retry.
    pub async fn sync_from_directory(&self, entry: &Entry, was: CredentialStatus) -> Result<(), StoreError> {
        const CONTEXT: &str = "copy the directory entry";
        const UPDATE: &str = "SET active = :active, given_name = :given_name, family_name = :family_name, \
            preferred_language = :preferred_language, version = version + :raise";
        let Table { client, name: table } = &self.0;
        let preferred_language: AttributeValue = to_attribute_value(entry.language).map_err(store_error(CONTEXT))?;
        let output = client
            .update_item()
            .table_name(table)
            .set_key(Some(key(&entry.account)))
            .update_expression(UPDATE)
            .condition_expression("active = :was")
            .expression_attribute_values(":was", AttributeValue::Bool(was.active))
            .expression_attribute_values(":active", AttributeValue::Bool(entry.active))
            .expression_attribute_values(":given_name", s(&entry.name.given_name))
            .expression_attribute_values(":family_name", s(&entry.name.family_name))
            .expression_attribute_values(":preferred_language", preferred_language)
            .expression_attribute_values(":raise", n(u8::from(was.active && !entry.active)))
            .send()
            .await;
        condition_met(output, CONTEXT).map(drop)
    }

    /// Revokes the sessions, links, and known devices of an account by raising its version, and deactivates it if
    /// asked.
    pub async fn revoke_all(&self, account: &AccountName, deactivate: bool) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let update = "SET version = version + :one";
        let mut call = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(account)))
            .condition_expression("attribute_exists(account)")
            .expression_attribute_values(":one", n(1));
        call = if deactivate {
            call.update_expression(format!("{update}, active = :no"))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
        } else {
            call.update_expression(update)
        };
        condition_met(call.send().await, "revoke sessions and links").map(drop)
    }

    /// Replaces the hash of the same password, if it still is the one that was `verified`.
    pub async fn rehash(
        &self,
        profile: &AccountProfile,
        verified: &StoredHash,
        new: &StoredHash,
    ) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&profile.account)))
            .update_expression("SET phc = :phc, key_id = :key_id")
            .condition_expression("version = :version AND phc = :verified")
            .expression_attribute_values(":phc", s(&new.phc))
            .expression_attribute_values(":key_id", s(&new.key_id))
            .expression_attribute_values(":version", n(profile.status.version))
            .expression_attribute_values(":verified", s(&verified.phc))
            .send()
            .await;
        condition_met(output, "upgrade a password hash").map(drop)
    }

    /// Transaction item: sets the hash and the next version, if the account is active and at this version.
    pub(crate) fn set_password(
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
            .expression_attribute_values(":phc", s(&hash.phc))
            .expression_attribute_values(":key_id", s(&hash.key_id))
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":version", n(version))
            .expression_attribute_values(":next", n(version + 1))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(store_error("set a password"))?).build())
    }
}

/// For a consistent batch read: the item of an account, whole or projected.
pub(crate) fn keys(account: &AccountName, attributes: Option<&str>) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder()
        .keys(key(account))
        .set_projection_expression(attributes.map(str::to_owned))
        .consistent_read(true)
        .build()
        .map_err(store_error("read credentials"))
}

/// The attributes of an [`AccountProfile`].
pub(crate) const PROFILE: &str = "account, version, active, given_name, family_name, preferred_language";

#[must_use]
pub fn key(account: &AccountName) -> Item {
    [("account".to_owned(), s(account.as_str()))].into()
}
