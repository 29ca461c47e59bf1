//! Throttles: what was tried, by whom or from where, as the moments of the tries.

use super::transaction::{Outcome, write_all};
use super::{Item, StoreError, Table, failed, if_held, number, read, text};
use crate::clock::UnixTime;
use crate::quota::Spending;
use crate::throttle::{Budget, Counter, Tries};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, TransactWriteItem, Update};
use serde::Deserialize;
use std::time::Duration;

/// Attempts at one reservation where others reserve on the same counter at once.
const TRIES: u32 = 4;
/// Where the race was lost each time: the counter is busy, not spent.
const BUSY: Duration = Duration::from_secs(1);

/// Whether a try may go on.
#[must_use]
pub enum Reservation {
    /// It may, and is counted; so the counter stands now.
    Granted(Tries),
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
        mut seen: Tries,
        now: UnixTime,
    ) -> Result<Reservation, StoreError> {
        for _ in 0..TRIES {
            let wait = budget.wait(&seen, now);
            if !wait.is_zero() {
                return Ok(Reservation::Refused(wait));
            }
            let next = budget.with_one_more(&seen, now);
            if self.advance(counter, &seen, &next, now + budget.kept()).await? {
                return Ok(Reservation::Granted(next));
            }
            seen = self.tries(counter).await?;
        }
        Ok(Reservation::Refused(BUSY))
    }

    async fn advance(
        &self,
        counter: &Counter,
        seen: &Tries,
        next: &Tries,
        kept_until: UnixTime,
    ) -> Result<bool, StoreError> {
        let Table { client, name } = &self.0;
        let call = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(counter)))
            .update_expression("SET failures = :failures, #total = :next, forgiven = :forgiven, #ttl = :ttl")
            .expression_attribute_names("#total", "total")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":failures", moments(&next.failures))
            .expression_attribute_values(":next", number(next.total))
            .expression_attribute_values(":forgiven", number(next.forgiven))
            .expression_attribute_values(":ttl", number(kept_until.0));
        let call = if seen.total == 0 {
            call.condition_expression("attribute_not_exists(failures)")
        } else {
            call.condition_expression("#total = :seen").expression_attribute_values(":seen", number(seen.total))
        };
        let answer = call.send().await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "count a try")
            .map(|held| held.is_some())
    }

    async fn tries(&self, counter: &Counter) -> Result<Tries, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client.get_item().table_name(name).set_key(Some(key(counter))).consistent_read(true).send().await;
        Ok(answer.map_err(failed("read a counter"))?.item.map(read).transpose()?.unwrap_or_default())
    }

    /// In a transaction: after a success, forgives what a counter holds, if it still stands as it was `left`.
    pub(super) fn forgive(&self, counter: &Counter, left: &Tries) -> Result<TransactWriteItem, StoreError> {
        let next = left.forgiven();
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(counter)))
            .update_expression("SET failures = :failures, forgiven = :total")
            .condition_expression("#total = :total")
            .expression_attribute_names("#total", "total")
            .expression_attribute_values(":failures", moments(&next.failures))
            .expression_attribute_values(":total", number(next.total))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(failed("forgive a counter"))?).build())
    }

    /// In a transaction: forgets a counter.
    pub(super) fn clear(&self, counter: &Counter) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.0.name).set_key(Some(key(counter))).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(failed("clear a counter"))?).build())
    }

    /// Spends one of each quota, or of none. How long it takes until one may be spent again, where one is used up.
    pub async fn spend(&self, spendings: &[Spending], now: UnixTime) -> Result<Option<Duration>, StoreError> {
        let items = spendings.iter().map(|spending| self.take(spending)).collect::<Result<Vec<_>, _>>()?;
        Ok(match write_all(&self.0.client, "spend a quota", items).await? {
            Outcome::Committed => None,
            Outcome::Refused(used_up) => Some(wait(spendings, &used_up, now)),
        })
    }

    /// Whether a quota is used up, and for how long.
    pub async fn is_used_up(&self, spending: &Spending, now: UnixTime) -> Result<Option<Duration>, StoreError> {
        #[derive(Deserialize)]
        struct Spent {
            spent: u32,
        }
        let Table { client, name } = &self.0;
        let key = [("counter".to_owned(), text(&spending.counter))].into();
        let answer = client.get_item().table_name(name).set_key(Some(key)).consistent_read(true).send().await;
        let spent: Option<Spent> = answer.map_err(failed("read a quota"))?.item.map(read).transpose()?;
        let used_up = spent.is_some_and(|spent| spent.spent >= spending.count);
        Ok(used_up.then(|| Duration::from_secs(now.seconds_until(spending.ends_at))))
    }

    /// In a transaction: spends one of a quota, if one is left.
    pub(super) fn take(&self, spending: &Spending) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .key("counter", text(&spending.counter))
            .update_expression("SET #ttl = :ttl ADD spent :one")
            .condition_expression("attribute_not_exists(spent) OR spent < :count")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(spending.ends_at.0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":count", number(spending.count))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(failed("spend a quota"))?).build())
    }
}

/// How long until all of the quotas that are used up run anew.
pub(super) fn wait(spendings: &[Spending], used_up: &[usize], now: UnixTime) -> Duration {
    let ends = used_up.iter().filter_map(|at| spendings.get(*at)).map(|spending| spending.ends_at).max();
    Duration::from_secs(ends.map_or(1, |ends| now.seconds_until(ends)))
}

/// For a batch: the items of counters, read consistently.
pub(super) fn keys(counters: &[&Counter]) -> Result<KeysAndAttributes, StoreError> {
    let keys = counters.iter().map(|counter| key(counter)).collect();
    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().map_err(failed("read a counter"))
}

fn moments(moments: &[UnixTime]) -> AttributeValue {
    AttributeValue::L(moments.iter().map(|moment| number(moment.0)).collect())
}

fn key(counter: &Counter) -> Item {
    [("counter".to_owned(), text(counter.as_str()))].into()
}
