//! Throttles: what was tried, by whom or from where, as the moments of the tries.

use super::{Item, StoreError, Table, failed, if_held, number, read, text};
use crate::clock::UnixTime;
use crate::throttle::{Budget, Counter};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, TransactWriteItem};
use serde::Deserialize;
use std::time::Duration;

/// Tries of one reservation where others reserve on the same counter at once.
const TRIES: u32 = 4;
/// Where the race was lost each time: the counter is busy, not spent.
const BUSY: Duration = Duration::from_secs(1);

/// What a counter holds: the moments of the tries, oldest first.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Tries {
    failures: Vec<UnixTime>,
}

/// Whether a try may go on.
#[must_use]
pub enum Reservation {
    /// It may, and is counted.
    Granted,
    /// It may not, for so long; nothing was counted.
    Refused(Duration),
}

/// The Throttles table.
pub struct Throttles(pub Table);

impl Throttles {
    /// Counts a try before it is made. The condition is that nobody counted since the tries were `seen`, so the
    /// budget holds whatever the parallelism.
    pub async fn reserve(
        &self,
        counter: &Counter,
        budget: Budget,
        seen: Tries,
        now: UnixTime,
    ) -> Result<Reservation, StoreError> {
        let mut seen = seen;
        for _ in 0..TRIES {
            let wait = budget.wait(&seen.failures, now);
            if !wait.is_zero() {
                return Ok(Reservation::Refused(wait));
            }
            if self.add(counter, budget, &seen, now).await? {
                return Ok(Reservation::Granted);
            }
            seen = self.tries(counter).await?;
        }
        Ok(Reservation::Refused(BUSY))
    }

    async fn add(&self, counter: &Counter, budget: Budget, seen: &Tries, now: UnixTime) -> Result<bool, StoreError> {
        let Table { client, name } = &self.0;
        let mut next = budget.still_counted(&seen.failures, now);
        next.push(now);
        let call = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(counter)))
            .update_expression("SET failures = :next, #ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":next", moments(&next))
            .expression_attribute_values(":ttl", number((now + budget.longest()).0));
        let call = if seen.failures.is_empty() {
            call.condition_expression("attribute_not_exists(failures)")
        } else {
            call.condition_expression("failures = :seen").expression_attribute_values(":seen", moments(&seen.failures))
        };
        let answer = call.send().await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "count a try")
            .map(|added| added.is_some())
    }

    async fn tries(&self, counter: &Counter) -> Result<Tries, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.get_item().table_name(name).set_key(Some(key(counter))).consistent_read(true).send().await;
        Ok(answer.map_err(failed("read a counter"))?.item.map(read).transpose()?.unwrap_or_default())
    }

    /// In a transaction: forgets a counter.
    pub(super) fn clear(&self, counter: &Counter) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.0.name).set_key(Some(key(counter))).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(failed("clear a counter"))?).build())
    }
}

/// For a batch: the item of a counter, read consistently.
pub(super) fn keys(counter: &Counter) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder().keys(key(counter)).consistent_read(true).build().map_err(failed("read a counter"))
}

fn moments(moments: &[UnixTime]) -> AttributeValue {
    AttributeValue::L(moments.iter().map(|moment| number(moment.0)).collect())
}

fn key(counter: &Counter) -> Item {
    [("counter".to_owned(), text(counter.as_str()))].into()
}
