//! All or nothing across tables.

use super::{StoreError, failed};
use crate::chance;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// Tries by hand where another transaction holds an item; the SDK does not repeat these.
const TRIES: u32 = 4;

/// What became of a transaction.
#[must_use]
pub(super) enum Outcome {
    /// Everything is written.
    Committed,
    /// Nothing is: at these positions a condition did not hold.
    Refused(Vec<usize>),
}

/// Writes all items or none.
pub(super) async fn write_all(
    client: &Client,
    doing: &'static str,
    items: Vec<TransactWriteItem>,
) -> Result<Outcome, StoreError> {
    let outcome = try_to_write_all(client, doing, items).await?;
    outcome.ok_or_else(|| StoreError::new(doing, "other transactions held an item each time"))
}

/// Writes all items or none; `None` where another transaction held an item at each try. Repeated with the same client
/// request token, so that an answer that was lost on the way does not write twice.
pub(super) async fn try_to_write_all(
    client: &Client,
    doing: &'static str,
    items: Vec<TransactWriteItem>,
) -> Result<Option<Outcome>, StoreError> {
    let request_token = URL_SAFE_NO_PAD.encode(chance::bytes::<24>());
    for attempt in 1.. {
        let sent = client
            .transact_write_items()
            .set_transact_items(Some(items.clone()))
            .client_request_token(&request_token)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Some(Outcome::Committed)) };
        let held = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let codes: Vec<_> =
                    canceled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
                let refused: Vec<_> = (0..codes.len()).filter(|at| codes[*at] == "ConditionalCheckFailed").collect();
                if !refused.is_empty() {
                    return Ok(Some(Outcome::Refused(refused)));
                }
                codes.contains(&"TransactionConflict")
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => true,
            _ => false,
        };
        if !held {
            return Err(failed(doing)(error));
        }
        if attempt == TRIES {
            return Ok(None);
        }
        let [jitter] = chance::bytes();
        tokio::time::sleep(Duration::from_millis(20 * u64::from(attempt) + u64::from(jitter / 8))).await;
    }
    unreachable!("the loop returns at the last try")
}
