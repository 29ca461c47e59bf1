//! Tokens: the mailed links, by the hash of their secret.

use super::{Item, StoreError, Table, failed, if_held, number, read, text, write};
use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::secret::TokenHash;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Kept so long after its end, to tell an expired link from an unknown one.
const KEPT: Duration = Duration::from_hours(24);
/// The same POST again, its answer lost, is answered alike for so long…
const REPEAT_WITHIN: Duration = Duration::from_mins(10);
/// … and so often.
const MAX_REPEATS: u32 = 3;

/// What a link was asked for. It chooses wording only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// *M'inscrire au service*.
    Register,
    /// *Mot de passe oublié ?*
    RequestReset,
}

/// A mailed link.
#[derive(Clone, Serialize, Deserialize)]
pub struct Token {
    /// Which one.
    pub token_hash: TokenHash,
    /// Whose password it sets.
    pub account: AccountName,
    /// What it was asked for.
    pub purpose: Purpose,
    /// The credentials' version that it was made for; dead under any other.
    pub version: u64,
    /// From then on it is refused.
    pub expires_at: UnixTime,
    /// When it was used, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<UnixTime>,
    /// What it was used with: HMAC(pepper, token ‖ password).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The mail request that it was made for.
    pub for_request: String,
}

impl Token {
    /// Whether a repeated POST may still be taken for the one whose answer was lost.
    #[must_use]
    pub fn may_repeat(&self, now: UnixTime) -> bool {
        self.used_at.is_some_and(|used_at| now < used_at + REPEAT_WITHIN)
    }
}

/// Whether one more repeated answer may be given.
#[must_use]
pub enum Repeat {
    /// Yes, and it is counted.
    Granted,
    /// No.
    Refused,
}

/// The Tokens table.
pub struct Tokens(pub Table);

impl Tokens {
    /// That which `TOKENS_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "TOKENS_TABLE").map(Self)
    }

    /// Puts a new link. Random as its secret is, it can only be there already by an earlier try of this same call.
    pub async fn put(&self, token: &Token) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let mut item = write(token)?;
        item.insert("ttl".into(), number((token.expires_at + KEPT).0));
        let answer = client
            .put_item()
            .table_name(name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(token_hash) OR for_request = :request")
            .expression_attribute_values(":request", text(&token.for_request))
            .send()
            .await;
        answer.map(drop).map_err(failed("put a link"))
    }

    /// The link with this secret's hash, read consistently; used and expired ones too.
    pub async fn find(&self, hash: &TokenHash) -> Result<Option<Token>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.get_item().table_name(name).set_key(Some(key(hash))).consistent_read(true).send().await;
        answer.map_err(failed("read a link"))?.item.map(read).transpose()
    }

    /// Counts a repeated answer before it is given: at most 3.
    pub async fn count_repeat(&self, hash: &TokenHash) -> Result<Repeat, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(hash)))
            .update_expression("SET repeats = repeats + :one")
            .condition_expression("repeats < :max")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(MAX_REPEATS))
            .send()
            .await;
        let counted = if_held(answer, "count a repeated answer")?;
        Ok(if counted { Repeat::Granted } else { Repeat::Refused })
    }

    /// In a transaction: uses the link, if it is unused, unexpired and still this account's at this version.
    pub(super) fn spend(&self, token: &Token, receipt: &str, now: UnixTime) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&token.token_hash)))
            .update_expression("SET used_at = :now, receipt = :receipt, repeats = :none")
            .condition_expression(
                "attribute_not_exists(used_at) AND expires_at > :now AND account = :account AND version = :version",
            )
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":receipt", text(receipt))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":account", text(token.account.as_str()))
            .expression_attribute_values(":version", number(token.version))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(failed("use a link"))?).build())
    }
}

fn key(hash: &TokenHash) -> Item {
    [("token_hash".to_owned(), text(hash.as_str()))].into()
}
