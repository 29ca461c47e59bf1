//! `TransactWriteItems`: all writes across tables, or none.

use crate::table::{StoreError, store_error};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guichet_platform::random;
use std::time::Duration;

/// Attempts when another transaction holds an item. The SDK does not retry these.
const MAX_ATTEMPTS: u32 = 4;

#[must_use]
pub enum TransactionOutcome {
    Committed,
    /// Nothing was written: the conditions of the items at these positions were not met.
    ConditionFailed(Vec<usize>),
}

/// Writes all items or none.
pub async fn transact(
    client: &Client,
    context: &'static str,
    items: Vec<TransactWriteItem>,
) -> Result<TransactionOutcome, StoreError> {
    let outcome = try_transact(client, context, items).await?;
    outcome.ok_or_else(|| StoreError::new(context, "other transactions held an item at each attempt"))
}

/// Like [`transact`], but `None` if another transaction held an item at each attempt. Retries carry the same client
/// request token, so a retry after a lost response is idempotent.
pub(crate) async fn try_transact(
    client: &Client,
    context: &'static str,
    items: Vec<TransactWriteItem>,
) -> Result<Option<TransactionOutcome>, StoreError> {
    let request_token = URL_SAFE_NO_PAD.encode(random::bytes::<24>());
    for attempt in 1.. {
        let output = client
            .transact_write_items()
            .set_transact_items(Some(items.clone()))
            .client_request_token(&request_token)
            .send()
            .await;
        let Err(error) = output else { return Ok(Some(TransactionOutcome::Committed)) };
        let is_conflict = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let codes: Vec<_> =
                    canceled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
                let failed: Vec<_> = (0..codes.len()).filter(|at| codes[*at] == "ConditionalCheckFailed").collect();
                if !failed.is_empty() {
                    return Ok(Some(TransactionOutcome::ConditionFailed(failed)));
                }
                codes.contains(&"TransactionConflict")
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => true,
            _ => false,
        };
        if !is_conflict {
            return Err(store_error(context)(error));
        }
        if attempt == MAX_ATTEMPTS {
            return Ok(None);
        }
        // Linear backoff with jitter.
        let [jitter] = random::bytes();
        tokio::time::sleep(Duration::from_millis(20 * u64::from(attempt) + u64::from(jitter / 8))).await;
    }
    unreachable!("the loop returns at the last attempt")
}
