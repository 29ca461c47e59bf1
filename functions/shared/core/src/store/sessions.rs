//! Sessions: who is signed in, and where.

use super::credentials::{Credentials, HOLDER, Holder, keys as credential_keys};
use super::{Item, StoreError, Table, failed, if_held, number, read, read_at_once, text, write};
use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::secret::SessionKeyHash;
use crate::session::{Session, SessionTicket, SignedIn, TOUCH_INTERVAL, Transport};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Delete, KeysAndAttributes, Put, TransactWriteItem, Update};

/// The Sessions table.
pub struct Sessions(pub Table);

impl Sessions {
    /// That which `SESSIONS_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "SESSIONS_TABLE").map(Self)
    }

    /// Who presents this ticket, if the session is open, of this transport, of an active account and of its
    /// credentials' version. One consistent batch read.
    pub async fn signed_in(
        &self,
        credentials: &Credentials,
        ticket: &SessionTicket,
        transport: Transport,
        now: UnixTime,
    ) -> Result<Option<SignedIn>, StoreError> {
        const DOING: &str = "read a session";
        let key =
            KeysAndAttributes::builder().keys(key(&ticket.account, &ticket.key.hash())).consistent_read(true).build();
        let keys =
            [(&self.0, key.map_err(failed(DOING))?), (&credentials.0, credential_keys(&ticket.account, Some(HOLDER))?)];
        let mut found = read_at_once(&self.0.client, keys, DOING).await?;
        let mut take = |table: &Table| found.remove(&table.name)?.pop();
        let (Some(session), Some(holder)) = (take(&self.0), take(&credentials.0)) else { return Ok(None) };
        let (session, holder): (Session, Holder) = (read(session)?, read(holder)?);
        let good =
            session.transport == transport && session.is_open(now) && holder.standing.is_good_for(session.version);
        Ok(good.then_some(SignedIn { session, name: holder.name, preferred_language: holder.preferred_language }))
    }

    /// Notes that a session was used: its idle end moves on. Written at most once a minute.
    pub async fn touch(&self, session: &mut Session, now: UnixTime) -> Result<(), StoreError> {
        if now < session.last_used_at + TOUCH_INTERVAL {
            return Ok(());
        }
        (session.last_used_at, session.idle_ends_at) = (now, now + session.remember.idle());
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&session.account, &session.secret_hash)))
            .update_expression("SET last_used_at = :now, idle_ends_at = :idle_ends_at")
            // One that was ended meanwhile does not come back.
            .condition_expression("attribute_exists(account)")
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":idle_ends_at", number(session.idle_ends_at.0))
            .send()
            .await;
        if_held(answer, "note the use of a session").map(drop)
    }

    /// The open sessions of an account at this version of its credentials, newest first.
    pub async fn open(&self, account: &AccountName, version: u64, now: UnixTime) -> Result<Vec<Session>, StoreError> {
        let mut sessions = self.all(account).await?;
        sessions.retain(|session| session.version == version && session.is_open(now));
        Ok(sessions)
    }

    /// All sessions of an account that are still in the table, newest first.
    pub(super) async fn all(&self, account: &AccountName) -> Result<Vec<Session>, StoreError> {
        let items = self.0.partition("account", account.as_str()).await?;
        let mut sessions: Vec<Session> = items.into_iter().map(read).collect::<Result<_, _>>()?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        Ok(sessions)
    }

    /// Ends a session. One that is not there is ended already.
    pub async fn end(&self, account: &AccountName, hash: &SessionKeyHash) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.delete_item().table_name(name).set_key(Some(key(account, hash))).send().await;
        answer.map(drop).map_err(failed("end a session"))
    }

    /// In a transaction: puts a new session.
    pub(super) fn put(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let mut item = write(session)?;
        item.insert("ttl".into(), number(session.ends_at.0));
        let put = Put::builder()
            .table_name(&self.0.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(account)")
            .build();
        Ok(TransactWriteItem::builder().put(put.map_err(failed("put a session"))?).build())
    }

    /// In a transaction: ends a session.
    pub(super) fn delete(&self, account: &AccountName, hash: &SessionKeyHash) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.0.name).set_key(Some(key(account, hash))).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(failed("end a session"))?).build())
    }

    /// In a transaction: takes a session along to the credentials' next version.
    pub(super) fn keep(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&session.account, &session.secret_hash)))
            .update_expression("SET version = :next")
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(session.version))
            .expression_attribute_values(":next", number(session.version + 1))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(failed("keep a session"))?).build())
    }
}

fn key(account: &AccountName, hash: &SessionKeyHash) -> Item {
    [("account".to_owned(), text(account.as_str())), ("secret_hash".to_owned(), text(hash.as_str()))].into()
}
