//! Tokens: the mailed links, by the hash of their secret.

use crate::table::{Item, StoreError, Table, condition_met, from_item, n, s, store_error, to_item};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use guichet_domain::reset_token::{MAX_REPLAYS, ResetToken};
use guichet_domain::secret::TokenHash;
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use std::time::Duration;

/// How long a token is stored after its expiry, to tell an expired link from an unknown one.
const RETENTION: Duration = Duration::from_hours(24);

/// Whether a replay may be compared with the original request.
#[must_use]
pub enum Replay {
    Allowed,
    LimitReached,
}

pub struct Tokens(pub Table);

impl Tokens {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "TOKENS_TABLE").map(Self)
    }

    /// Puts a new token. The key is random, so an existing item can only come from a retry of this call.
    pub async fn put(&self, token: &ResetToken) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let mut item = to_item(token)?;
        item.insert("ttl".into(), n((token.expires_at + RETENTION).0));
        let output = client
            .put_item()
            .table_name(name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(token_hash) OR for_request = :request")
            .expression_attribute_values(":request", s(&token.for_request))
            .send()
            .await;
        output.map(drop).map_err(store_error("put a reset token"))
    }

    /// The token with this hash, used and expired ones included, read consistently.
    pub async fn find(&self, hash: &TokenHash) -> Result<Option<ResetToken>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client.get_item().table_name(name).set_key(Some(key(hash))).consistent_read(true).send().await;
        output.map_err(store_error("read a reset token"))?.item.map(from_item).transpose()
    }

    /// Counts a replay before comparing it, so that a used link cannot be used to guess the password.
    pub async fn count_replay(&self, hash: &TokenHash) -> Result<Replay, StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(hash)))
            .update_expression("SET replays = replays + :one")
            .condition_expression("replays < :max")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":max", n(MAX_REPLAYS))
            .send()
            .await;
        let counted = condition_met(output, "count a replay")?;
        Ok(if counted { Replay::Allowed } else { Replay::LimitReached })
    }

    /// Transaction item: marks the token as used, if it is unused, unexpired, and still belongs to this account and
    /// version.
    pub(crate) fn redeem(
        &self,
        token: &ResetToken,
        reuse_proof: &str,
        now: UnixTime,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&token.token_hash)))
            .update_expression("SET used_at = :now, reuse_proof = :reuse_proof, replays = :none")
            .condition_expression(
                "attribute_not_exists(used_at) AND expires_at > :now AND account = :account AND version = :version",
            )
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":reuse_proof", s(reuse_proof))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":account", s(token.account.as_str()))
            .expression_attribute_values(":version", n(token.version))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(store_error("redeem a reset token"))?).build())
    }
}

fn key(hash: &TokenHash) -> Item {
    [("token_hash".to_owned(), s(hash.as_str()))].into()
}
