//! Events: what happened to an account, for its owner and the desk.

use crate::table::{Item, StoreError, Table, from_item, s, store_error, to_item};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use guichet_domain::event::Event;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use guichet_platform::{clock, random};
use serde::Serialize;
use std::time::Duration;

const RETENTION: Duration = Duration::from_hours(90 * 24);
/// Events per response of the API.
const MAX_LISTED: i32 = 50;

#[derive(Serialize)]
struct NewItem<'a> {
    account_key: &'a AccountPseudonym,
    at_id: String,
    ttl: UnixTime,
    #[serde(flatten)]
    event: &'a Event,
}

pub struct Events(pub Table);

impl Events {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "EVENTS_TABLE").map(Self)
    }

    pub async fn record(&self, account: &AccountPseudonym, event: &Event) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let output = client.put_item().table_name(name).set_item(Some(item(account, event)?)).send().await;
        output.map(drop).map_err(store_error("record an event"))
    }

    /// Transaction item: records an event.
    pub(crate) fn put(&self, account: &AccountPseudonym, event: &Event) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.0.name).set_item(Some(item(account, event)?)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(store_error("record an event"))?).build())
    }

    /// The latest events of an account, newest first; at most 50, none older than 90 days.
    pub async fn latest(&self, account: &AccountPseudonym, now: UnixTime) -> Result<Vec<Event>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .query()
            .table_name(name)
            .key_condition_expression("account_key = :account_key")
            .expression_attribute_values(":account_key", s(account.as_str()))
            .scan_index_forward(false)
            .limit(MAX_LISTED)
            .send()
            .await;
        let items = output.map_err(store_error("read the events"))?.items.unwrap_or_default();
        let events: Vec<Event> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(events.into_iter().filter(|event| now < event.happened_at + RETENTION).collect())
    }
}

/// Sort key: milliseconds, and random digits so that two events in one millisecond differ.
#[must_use]
pub fn at_id() -> String {
    format!("{:015}#{:08x}", clock::now_millis(), u32::from_be_bytes(random::bytes()))
}

fn item(account_key: &AccountPseudonym, event: &Event) -> Result<Item, StoreError> {
    to_item(&NewItem { account_key, at_id: at_id(), ttl: event.happened_at + RETENTION, event })
}
