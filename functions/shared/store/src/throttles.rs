//! Throttles: failed sign-ins per account and per source, the circuit breaker's state, and rate limits.

mod circuit_breaker;
mod rate_limits;

pub(crate) use rate_limits::retry_after;

use crate::table::{Item, StoreError, Table, condition_met, from_item, n, s, store_error};
use crate::transaction::{TransactionOutcome, try_transact};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, TransactWriteItem, Update};
use guichet_domain::attempt_limits::{AttemptHistory, AttemptLimits};
use guichet_domain::counter::Counter;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::source_limits::{RETENTION, SourceFailures};
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::to_attribute_value;
use std::collections::HashMap;
use std::time::Duration;

/// Attempts of a compare-and-set when others write to the same counter.
const MAX_ATTEMPTS: u32 = 4;
/// `Retry-After` if every compare-and-set failed. This is contention, not a reached limit.
const CONTENTION_RETRY_AFTER: Duration = Duration::from_secs(1);

#[must_use]
pub(crate) enum Reservation<T> {
    /// Counted; this is the new state of the counters.
    Granted(T),
    /// Nothing was counted. Retry after this time.
    Refused(Duration),
}

/// What to reserve: an attempt on an account's limits and, for an untrusted client, on its source's.
pub(crate) struct ReservationRequest<'a> {
    pub counter: Counter,
    pub limits: AttemptLimits,
    pub account_key: &'a AccountPseudonym,
    pub source: Option<Counter>,
    pub now: UnixTime,
}

/// The counters of a reservation.
#[derive(Default)]
pub(crate) struct Counts {
    pub history: AttemptHistory,
    pub source: SourceFailures,
}

impl ReservationRequest<'_> {
    /// How long until it can be granted; zero if it can be now.
    pub(crate) fn retry_after(&self, counts: &Counts) -> Duration {
        let by_source = self.source.as_ref().map(|_| counts.source.retry_after(self.account_key, self.now));
        self.limits.retry_after(&counts.history, self.now).max(by_source.unwrap_or_default())
    }
}

/// Items of the table, by counter.
pub struct ByCounter(HashMap<String, Item>);

impl ByCounter {
    pub fn new(items: Vec<Item>) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            counter: String,
        }
        let named = |item: Item| from_item::<Named>(item.clone()).map(|named| (named.counter, item));
        items.into_iter().map(named).collect::<Result<_, _>>().map(Self)
    }

    pub fn get<T: DeserializeOwned + Default>(&self, counter: &Counter) -> Result<T, StoreError> {
        Ok(self.0.get(counter.as_str()).cloned().map(from_item).transpose()?.unwrap_or_default())
    }
}

pub struct Throttles(pub Table);

impl Throttles {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "THROTTLES_TABLE").map(Self)
    }

    /// Counts an attempt as a failure before it is verified, on all of its counters or on none. The compare-and-set
    /// makes the limits exact under concurrency.
    pub(crate) async fn reserve(
        &self,
        request: &ReservationRequest<'_>,
        mut counts: Counts,
    ) -> Result<Reservation<Counts>, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let wait = request.retry_after(&counts);
            if !wait.is_zero() {
                return Ok(Reservation::Refused(wait));
            }
            let ReservationRequest { counter, limits, account_key, source, now } = request;
            let next = limits.record_failure(&counts.history, *now);
            let mut items =
                vec![self.compare_and_set_history(counter, &counts.history, &next, *now + limits.retention())?];
            if let Some(source) = source {
                items.push(self.add_source_failure(source, &counts.source, account_key, *now)?);
            }
            match try_transact(&self.0.client, "reserve an attempt", items).await? {
                Some(TransactionOutcome::Committed) => {
                    if source.is_some() {
                        let (number, failure) = counts.source.next_failure(account_key, *now);
                        counts.source.failures.insert(number, failure);
                    }
                    return Ok(Reservation::Granted(Counts { history: next, ..counts }));
                }
                Some(TransactionOutcome::ConditionFailed(_)) => counts = self.counts(request).await?,
                None => break,
            }
        }
        Ok(Reservation::Refused(CONTENTION_RETRY_AFTER))
    }

    async fn counts(&self, request: &ReservationRequest<'_>) -> Result<Counts, StoreError> {
        let ReservationRequest { counter, source, .. } = request;
        let counters: Vec<_> = [Some(counter), source.as_ref()].into_iter().flatten().collect();
        let items = ByCounter::new(self.0.batch(keys(&counters)?, "read counters").await?)?;
        let failures = source.as_ref().map(|source| items.get(source)).transpose()?;
        Ok(Counts { history: items.get(counter)?, source: failures.unwrap_or_default() })
    }

    fn compare_and_set_history(
        &self,
        counter: &Counter,
        seen: &AttemptHistory,
        next: &AttemptHistory,
        expires_at: UnixTime,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(counter)))
            .update_expression("SET failures = :failures, #total = :next, cleared = :cleared, #ttl = :ttl")
            .expression_attribute_names("#total", "total")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":failures", moments(&next.failures))
            .expression_attribute_values(":next", n(next.total))
            .expression_attribute_values(":cleared", n(next.cleared))
            .expression_attribute_values(":ttl", n(expires_at.0));
        let update = if seen.total == 0 {
            update.condition_expression("attribute_not_exists(failures)")
        } else {
            update.condition_expression("#total = :seen").expression_attribute_values(":seen", n(seen.total))
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(store_error("reserve an attempt"))?).build())
    }

    /// Adds a failure to a source. Each failure is a map entry of its own, so that a success can remove its own entries
    /// while others are added; a list would have to be rewritten, and would lose the race on a busy source.
    fn add_source_failure(
        &self,
        source: &Counter,
        seen: &SourceFailures,
        account: &AccountPseudonym,
        now: UnixTime,
    ) -> Result<TransactWriteItem, StoreError> {
        const CONTEXT: &str = "count a failure of a source";
        let (next, failure) = seen.next_failure(account, now);
        let (remove_expired, names) = remove_failures(seen.expired(now));
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(source)))
            .set_expression_attribute_names(Some(names))
            .expression_attribute_names("#total", "total")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":next", n(next))
            .expression_attribute_values(":ttl", n((now + RETENTION).0));
        let update = if seen.total == 0 {
            let failures = HashMap::from([(next, failure)]);
            update
                .update_expression("SET failures = :failures, #total = :next, #ttl = :ttl")
                .condition_expression("attribute_not_exists(#total)")
                .expression_attribute_values(":failures", to_attribute_value(failures).map_err(store_error(CONTEXT))?)
        } else {
            update
                .update_expression(format!(
                    "SET failures.#next = :failure, #total = :next, #ttl = :ttl {remove_expired}"
                ))
                .condition_expression("#total = :seen")
                .expression_attribute_names("#next", next.to_string())
                .expression_attribute_values(":failure", to_attribute_value(failure).map_err(store_error(CONTEXT))?)
                .expression_attribute_values(":seen", n(seen.total))
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(store_error(CONTEXT))?).build())
    }

    /// Removes resolved failures from a source.
    pub(crate) async fn remove_source_failures(&self, source: &Counter, numbers: &[u64]) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let (remove, names) = remove_failures(numbers.iter().copied());
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(source)))
            .update_expression(remove)
            // The item may have expired meanwhile.
            .condition_expression("attribute_exists(failures)")
            .set_expression_attribute_names(Some(names))
            .send()
            .await;
        condition_met(output, "remove failures of a source").map(drop)
    }

    /// Transaction item: clears the failures of a counter after a success, if it has not changed since the reservation.
    pub(crate) fn clear_failures(
        &self,
        counter: &Counter,
        reserved: &AttemptHistory,
    ) -> Result<TransactWriteItem, StoreError> {
        let next = reserved.clear_failures();
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(counter)))
            .update_expression("SET failures = :failures, cleared = :total")
            .condition_expression("#total = :total")
            .expression_attribute_names("#total", "total")
            .expression_attribute_values(":failures", moments(&next.failures))
            .expression_attribute_values(":total", n(next.total))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(store_error("clear failures"))?).build())
    }

    /// Transaction item: deletes a counter.
    pub(crate) fn delete(&self, counter: &Counter) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.0.name).set_key(Some(key(counter))).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(store_error("delete a counter"))?).build())
    }
}

/// For a consistent batch read: the items of counters.
pub fn keys(counters: &[&Counter]) -> Result<KeysAndAttributes, StoreError> {
    let keys = counters.iter().map(|counter| key(counter)).collect();
    KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .consistent_read(true)
        .build()
        .map_err(store_error("read counters"))
}

/// The `REMOVE` clause for a source's failures and its expression attribute names; empty if there are none.
fn remove_failures(numbers: impl Iterator<Item = u64>) -> (String, HashMap<String, String>) {
    let names: HashMap<_, _> = numbers.map(|number| (format!("#failure{number}"), number.to_string())).collect();
    let paths: Vec<_> = names.keys().map(|name| format!("failures.{name}")).collect();
    let remove = if paths.is_empty() { String::new() } else { format!("REMOVE {}", paths.join(", ")) };
    (remove, names)
}

fn moments(moments: &[UnixTime]) -> AttributeValue {
    AttributeValue::L(moments.iter().map(|moment| n(moment.0)).collect())
}

#[must_use]
pub fn key(counter: &Counter) -> Item {
    [("counter".to_owned(), s(counter.as_str()))].into()
}
