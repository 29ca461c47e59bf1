//! One table: batches with retries, conditional updates, and items as records.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};
use guichet_platform::env::{self, ConfigError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

/// A call to a table failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {context}")]
pub struct StoreError {
    context: &'static str,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    pub fn new(context: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { context, source: source.into() }
    }
}

/// For `map_err`. The context completes the sentence "cannot …".
pub fn store_error<E: Into<Box<dyn Error + Send + Sync>>>(context: &'static str) -> impl FnOnce(E) -> StoreError {
    move |source| StoreError::new(context, source)
}

/// Whether the condition of an update was met, so that it was written.
pub fn condition_met(
    output: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    context: &'static str,
) -> Result<bool, StoreError> {
    updated_or_existing(output, context).map(|item| item.is_ok())
}

/// `Ok` with the updated item, `Err` with the item that failed the condition (each if the update requests it).
pub(crate) fn updated_or_existing(
    output: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    context: &'static str,
) -> Result<Result<Item, Option<Item>>, StoreError> {
    match output {
        Ok(updated) => Ok(Ok(updated.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
            _ => Err(store_error(context)(error)),
        },
    }
}

/// Reads items of several tables in one call. Returns them by table name. Unprocessed keys are an error, not retried,
/// because a user is waiting.
pub(crate) async fn batch_get(
    client: &Client,
    keys: impl IntoIterator<Item = (&Table, KeysAndAttributes)>,
    context: &'static str,
) -> Result<HashMap<String, Vec<Item>>, StoreError> {
    let keys = keys.into_iter().map(|(table, keys)| (table.name.clone(), keys)).collect();
    let output = client.batch_get_item().set_request_items(Some(keys)).send().await.map_err(store_error(context))?;
    if output.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
        return Err(StoreError::new(context, "a part of the batch was not processed"));
    }
    Ok(output.responses.unwrap_or_default())
}

/// The limit of `BatchGetItem`.
pub const MAX_BATCH_GET: usize = 100;
/// The limit of `BatchWriteItem`.
pub const MAX_BATCH_WRITE: usize = 25;
/// Attempts of a batch with unprocessed items; the backoff between them adds up to about 3 s.
const BATCH_ATTEMPTS: u32 = 6;

async fn backoff(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
}

pub type Item = HashMap<String, AttributeValue>;

pub fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(store_error("read an item"))
}

pub fn to_item(record: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::to_item(record).map_err(store_error("write an item"))
}

/// A string attribute.
pub fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub fn n(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

#[derive(Clone)]
pub struct Table {
    pub client: Client,
    /// The table's physical name.
    pub name: String,
}

impl Table {
    #[must_use]
    pub fn new(client: &Client, name: String) -> Self {
        Self { client: client.clone(), name }
    }

    pub(crate) fn from_env(client: &Client, variable: &'static str) -> Result<Self, ConfigError> {
        Ok(Self::new(client, env::required(variable)?))
    }

    /// The items of a partition in the order of their keys, read consistently.
    pub async fn partition(&self, key: &str, value: &str) -> Result<Vec<Item>, StoreError> {
        let call = self.client.query().table_name(&self.name).consistent_read(true);
        let items = call
            .key_condition_expression(format!("{key} = :value"))
            .expression_attribute_values(":value", s(value))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        items.map_err(store_error("read a partition"))
    }

    /// Reads up to [`MAX_BATCH_GET`] items, retrying unprocessed keys with backoff. Missing items are left out.
    pub async fn batch(&self, keys: KeysAndAttributes, context: &'static str) -> Result<Vec<Item>, StoreError> {
        let (mut remaining, mut found) = (keys, Vec::new());
        for attempt in 0..BATCH_ATTEMPTS {
            let output = self.client.batch_get_item().request_items(&self.name, remaining).send().await;
            let mut output = output.map_err(store_error(context))?;
            found.extend(output.responses.as_mut().and_then(|tables| tables.remove(&self.name)).unwrap_or_default());
            match output.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name)) {
                Some(left) => remaining = left,
                None => return Ok(found),
            }
            backoff(attempt).await;
        }
        Err(StoreError::new(context, "a part of the batch stayed unprocessed"))
    }

    pub(crate) async fn batch_records<T: DeserializeOwned>(
        &self,
        keys: KeysAndAttributes,
        context: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.batch(keys, context).await?.into_iter().map(from_item).collect()
    }

    /// Puts up to [`MAX_BATCH_WRITE`] items, retrying unprocessed ones with backoff.
    pub async fn write_batch(&self, items: Vec<Item>, context: &'static str) -> Result<(), StoreError> {
        let put = |item| {
            PutRequest::builder()
                .set_item(Some(item))
                .build()
                .map(|put| WriteRequest::builder().put_request(put).build())
        };
        let mut writes = items.into_iter().map(put).collect::<Result<Vec<_>, _>>().map_err(store_error(context))?;
        for attempt in 0..BATCH_ATTEMPTS {
            let output = self.client.batch_write_item().request_items(&self.name, writes).send().await;
            let left = output.map_err(store_error(context))?.unprocessed_items;
            match left.and_then(|mut tables| tables.remove(&self.name)) {
                Some(left) if !left.is_empty() => writes = left,
                _ => return Ok(()),
            }
            backoff(attempt).await;
        }
        Err(StoreError::new(context, "a part of the batch stayed unprocessed"))
    }
}
