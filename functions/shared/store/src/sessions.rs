//! Sessions: who is signed in, and where.

use crate::credentials::{AccountProfile, Credentials, PROFILE, keys as credential_keys};
use crate::table::{Item, StoreError, Table, batch_get, condition_met, from_item, n, s, store_error, to_item};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Delete, KeysAndAttributes, Put, TransactWriteItem, Update};
use guichet_domain::account::AccountName;
use guichet_domain::secret::SessionKeyHash;
use guichet_domain::session::{AuthenticatedSession, Session, SessionToken, TOUCH_INTERVAL, Transport};
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;

pub struct Sessions(pub Table);

impl Sessions {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "SESSIONS_TABLE").map(Self)
    }

    /// The session of this token, from one consistent batch read. `None` unless the session is unexpired and of this
    /// transport, and its account is active and at the session's version.
    pub async fn authenticate(
        &self,
        credentials: &Credentials,
        token: &SessionToken,
        transport: Transport,
        now: UnixTime,
    ) -> Result<Option<AuthenticatedSession>, StoreError> {
        const CONTEXT: &str = "read a session";
        let key =
            KeysAndAttributes::builder().keys(key(&token.account, &token.key.hash())).consistent_read(true).build();
        let keys = [
            (&self.0, key.map_err(store_error(CONTEXT))?),
            (&credentials.0, credential_keys(&token.account, Some(PROFILE))?),
        ];
        let mut found = batch_get(&self.0.client, keys, CONTEXT).await?;
        let mut take = |table: &Table| found.remove(&table.name)?.pop();
        let (Some(session), Some(profile)) = (take(&self.0), take(&credentials.0)) else { return Ok(None) };
        let (session, profile): (Session, AccountProfile) = (from_item(session)?, from_item(profile)?);
        let is_valid =
            session.transport == transport && session.is_unexpired(now) && profile.status.accepts(session.version);
        Ok(is_valid.then_some(AuthenticatedSession {
            session,
            name: profile.name,
            preferred_language: profile.preferred_language,
        }))
    }

    /// Extends the idle timeout. Writes at most once per [`TOUCH_INTERVAL`].
    pub async fn touch(&self, session: &mut Session, now: UnixTime) -> Result<(), StoreError> {
        if now < session.last_used_at + TOUCH_INTERVAL {
            return Ok(());
        }
        (session.last_used_at, session.idle_ends_at) = (now, now + session.remember.idle_timeout());
        let Table { client, name } = &self.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&session.account, &session.secret_hash)))
            .update_expression("SET last_used_at = :now, idle_ends_at = :idle_ends_at")
            // A session that was revoked meanwhile must not reappear.
            .condition_expression("attribute_exists(account)")
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":idle_ends_at", n(session.idle_ends_at.0))
            .send()
            .await;
        condition_met(output, "record the use of a session").map(drop)
    }

    /// The valid sessions of an account at this version of its credentials, newest first.
    pub async fn list_active(
        &self,
        account: &AccountName,
        version: u64,
        now: UnixTime,
    ) -> Result<Vec<Session>, StoreError> {
        let mut sessions = self.list_all(account).await?;
        sessions.retain(|session| session.version == version && session.is_unexpired(now));
        Ok(sessions)
    }

    /// All sessions of an account that are still in the table, newest first.
    pub(crate) async fn list_all(&self, account: &AccountName) -> Result<Vec<Session>, StoreError> {
        let items = self.0.partition("account", account.as_str()).await?;
        let mut sessions: Vec<Session> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        Ok(sessions)
    }

    /// Ends a session. Idempotent.
    pub async fn revoke(&self, account: &AccountName, hash: &SessionKeyHash) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let output = client.delete_item().table_name(name).set_key(Some(key(account, hash))).send().await;
        output.map(drop).map_err(store_error("end a session"))
    }

    /// Transaction item: puts a new session.
    pub(crate) fn put(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let mut item = to_item(session)?;
        item.insert("ttl".into(), n(session.ends_at.0));
        let put = Put::builder()
            .table_name(&self.0.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(account)")
            .build();
        Ok(TransactWriteItem::builder().put(put.map_err(store_error("put a session"))?).build())
    }

    /// Transaction item: ends a session.
    pub(crate) fn delete(&self, account: &AccountName, hash: &SessionKeyHash) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.0.name).set_key(Some(key(account, hash))).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(store_error("end a session"))?).build())
    }

    /// Transaction item: moves a session to the credentials' next version, so that it survives a password change.
    pub(crate) fn carry_over(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&session.account, &session.secret_hash)))
            .update_expression("SET version = :next")
            .condition_expression("version = :version")
            .expression_attribute_values(":version", n(session.version))
            .expression_attribute_values(":next", n(session.version + 1))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(store_error("carry over a session"))?).build())
    }
}

fn key(account: &AccountName, hash: &SessionKeyHash) -> Item {
    [("account".to_owned(), s(account.as_str())), ("secret_hash".to_owned(), s(hash.as_str()))].into()
}
