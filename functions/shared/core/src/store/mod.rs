//! The tables. One file each; attribute names and expressions are spelled here only. Methods say what happens to a
//! person's things, and their outcomes are enums; that a store does not answer is a [`StoreError`], never an outcome.

pub mod attempts;
pub mod credentials;
pub mod delivery;
pub mod desk;
pub mod devices;
pub mod directory;
pub mod events;
pub mod mail_request;
pub mod mail_requests;
pub mod password_change;
mod restore;
pub mod sessions;
pub mod sign_in;
pub mod throttles;
pub mod tokens;
mod transaction;

use crate::config::{self, ConfigError};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

/// What a table could not be asked or told. Its source has the reason.
#[derive(Debug, thiserror::Error)]
#[error("the store could not {doing}")]
pub struct StoreError {
    doing: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, source: source.into() }
    }
}

/// Turns any error into the one of this doing.
fn failed<E: Into<Box<dyn Error + Send + Sync>>>(doing: &'static str) -> impl FnOnce(E) -> StoreError {
    move |source| StoreError::new(doing, source)
}

/// Whether a conditional update was made; it was not where its condition did not hold.
fn if_held(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    doing: &'static str,
) -> Result<bool, StoreError> {
    new_or_old(answer, doing).map(|item| item.is_ok())
}

/// The item as a conditional update left it, or as it stood in its way, where the update asks to be told.
fn new_or_old(
    answer: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    doing: &'static str,
) -> Result<Result<Item, Option<Item>>, StoreError> {
    match answer {
        Ok(new) => Ok(Ok(new.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Ok(Err(refused.item().cloned())),
            _ => Err(failed(doing)(error)),
        },
    }
}

/// Items of several tables in one call, by the tables' names. A part that is left is asked for no more: somebody waits.
async fn read_at_once(
    client: &Client,
    keys: impl IntoIterator<Item = (&Table, KeysAndAttributes)>,
    doing: &'static str,
) -> Result<HashMap<String, Vec<Item>>, StoreError> {
    let keys = keys.into_iter().map(|(table, keys)| (table.name.clone(), keys)).collect();
    let answer = client.batch_get_item().set_request_items(Some(keys)).send().await.map_err(failed(doing))?;
    if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
        return Err(StoreError::new(doing, "a part of the batch was not processed"));
    }
    Ok(answer.responses.unwrap_or_default())
}

/// The most items that `BatchGetItem` takes.
pub const READ_AT_ONCE: usize = 100;
/// The most items that `BatchWriteItem` takes.
pub const WRITTEN_AT_ONCE: usize = 25;
/// Tries of a batch of which a part was left; the pauses between them add up to about 3 s.
const BATCH_TRIES: u32 = 6;

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
}

type Item = HashMap<String, AttributeValue>;

fn read<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(failed("read an item in its form"))
}

fn write(record: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::to_item(record).map_err(failed("write an item in its form"))
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// One table: the client and the table's physical name.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    fn from_env(client: &Client, variable: &'static str) -> Result<Self, ConfigError> {
        Ok(Self::new(client, config::text(variable)?))
    }

    /// The items of a partition, in the order of their keys, read consistently.
    async fn partition(&self, key: &str, value: &str) -> Result<Vec<Item>, StoreError> {
        let call = self.client.query().table_name(&self.name).consistent_read(true);
        let items = call
            .key_condition_expression(format!("{key} = :value"))
            .expression_attribute_values(":value", text(value))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        items.map_err(failed("read what is kept under a key"))
    }

    /// Reads up to [`READ_AT_ONCE`] items, those that there are.
    async fn read_batch<T: DeserializeOwned>(
        &self,
        keys: KeysAndAttributes,
        doing: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.batch(keys, doing).await?.into_iter().map(read).collect()
    }

    /// The same, as they are.
    async fn batch(&self, keys: KeysAndAttributes, doing: &'static str) -> Result<Vec<Item>, StoreError> {
        let (mut asked, mut found) = (keys, Vec::new());
        for attempt in 0..BATCH_TRIES {
            let answer = self.client.batch_get_item().request_items(&self.name, asked).send().await;
            let mut answer = answer.map_err(failed(doing))?;
            found.extend(answer.responses.as_mut().and_then(|tables| tables.remove(&self.name)).unwrap_or_default());
            match answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name)) {
                Some(left) => asked = left,
                None => return Ok(found),
            }
            pause(attempt).await;
        }
        Err(StoreError::new(doing, "a part of the batch was left each time"))
    }

    /// Writes up to [`WRITTEN_AT_ONCE`] items over what was there.
    async fn write_batch(&self, items: Vec<Item>, doing: &'static str) -> Result<(), StoreError> {
        let put = |item| {
            PutRequest::builder()
                .set_item(Some(item))
                .build()
                .map(|put| WriteRequest::builder().put_request(put).build())
        };
        let mut writes = items.into_iter().map(put).collect::<Result<Vec<_>, _>>().map_err(failed(doing))?;
        for attempt in 0..BATCH_TRIES {
            let answer = self.client.batch_write_item().request_items(&self.name, writes).send().await;
            let left = answer.map_err(failed(doing))?.unprocessed_items;
            match left.and_then(|mut tables| tables.remove(&self.name)) {
                Some(left) if !left.is_empty() => writes = left,
                _ => return Ok(()),
            }
            pause(attempt).await;
        }
        Err(StoreError::new(doing, "a part of the batch was left each time"))
    }

    /// The table of this name.
    #[must_use]
    pub fn new(client: &Client, name: String) -> Self {
        Self { client: client.clone(), name }
    }
}
