//! Events: what happened to an account, for its owner and the desk. Kept 90 days.

use super::{StoreError, Table, failed, read, text, write};
use crate::chance;
use crate::class::Class;
use crate::clock::{self, UnixTime};
use crate::config::ConfigError;
use crate::keys::AccountKey;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const KEPT: Duration = Duration::from_hours(90 * 24);
/// Events that one answer tells.
const MAX_TOLD: i32 = 50;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A link was mailed.
    LinkMailed,
    /// The password was set through a link.
    PasswordSet,
    /// The password was changed by its owner, signed in.
    PasswordChanged,
    /// Somebody signed in.
    SignedIn,
    /// A sign-in was refused.
    SignInRefused,
    /// Somebody signed out.
    SignedOut,
    /// Other sessions were ended.
    SessionsEnded,
}

/// From where: the class and the coarse device of the client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The client's class.
    pub client_class: Class,
    /// Its coarse device, such as `Firefox · Windows`.
    pub device: String,
}

/// Something that happened to an account.
#[derive(Clone, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub happened_at: UnixTime,
    /// What.
    pub what: What,
    /// From where.
    #[serde(flatten)]
    pub origin: Origin,
}

#[derive(Serialize)]
struct NewItem<'a> {
    account_key: &'a AccountKey,
    at_id: String,
    ttl: UnixTime,
    #[serde(flatten)]
    event: &'a Event,
}

/// The Events table.
pub struct Events(pub Table);

impl Events {
    /// That which `EVENTS_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "EVENTS_TABLE").map(Self)
    }

    /// Notes an event.
    pub async fn note(&self, account: &AccountKey, event: &Event) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.put_item().table_name(name).set_item(Some(item(account, event)?)).send().await;
        answer.map(drop).map_err(failed("note an event"))
    }

    /// In a transaction: notes an event.
    pub(super) fn put(&self, account: &AccountKey, event: &Event) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.0.name).set_item(Some(item(account, event)?)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(failed("note an event"))?).build())
    }

    /// The latest events of an account, newest first, at most 50, none older than 90 days.
    pub async fn latest(&self, account: &AccountKey, now: UnixTime) -> Result<Vec<Event>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .query()
            .table_name(name)
            .key_condition_expression("account_key = :account_key")
            .expression_attribute_values(":account_key", text(account.as_str()))
            .scan_index_forward(false)
            .limit(MAX_TOLD)
            .send()
            .await;
        let items = answer.map_err(failed("read the events"))?.items.unwrap_or_default();
        let events: Vec<Event> = items.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(events.into_iter().filter(|event| now < event.happened_at + KEPT).collect())
    }
}

/// What orders the notes as they were taken; random at its end, so that two of a millisecond are two.
pub(super) fn at_id() -> String {
    format!("{:015}#{:08x}", clock::now_millis(), u32::from_be_bytes(chance::bytes()))
}

fn item(account_key: &AccountKey, event: &Event) -> Result<super::Item, StoreError> {
    write(&NewItem { account_key, at_id: at_id(), ttl: event.happened_at + KEPT, event })
}
