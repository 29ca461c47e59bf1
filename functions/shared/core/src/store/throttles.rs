//! Throttles: what was tried, by whom or from where, as the moments of the tries; what was tried from all of outside
//! (`brake`); and what was spent of quotas (`quotas`).

mod brake;
mod quotas;

pub(super) use quotas::wait;

use super::transaction::{Outcome, try_to_write_all};
use super::{Item, StoreError, Table, failed, if_held, number, read, text};
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::keys::AccountKey;
use crate::outside::Unresolved;
use crate::throttle::{Budget, Counter, Tries};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, TransactWriteItem, Update};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::to_attribute_value;
use std::collections::HashMap;
use std::time::Duration;

/// Attempts at one reservation where others reserve on the same counter at once.
const TRIES: u32 = 4;
/// Where the race was lost each time: the counter is busy, not spent.
const BUSY: Duration = Duration::from_secs(1);

/// Whether a try may go on.
#[must_use]
pub(super) enum Reservation {
    /// It may, and is counted; so the counters stand now.
    Granted(Counts),
    /// It may not, for so long; nothing was counted.
    Refused(Duration),
}

/// What is reserved: a try of an account, on its budget and, from outside, at an address.
pub(super) struct Reserving<'a> {
    pub counter: Counter,
    pub budget: Budget,
    pub account_key: &'a AccountKey,
    pub address: Option<Counter>,
    pub now: UnixTime,
}

/// How the counters of a reservation stand.
#[derive(Default)]
pub(super) struct Counts {
    pub tries: Tries,
    pub unresolved: Unresolved,
}

impl Reserving<'_> {
    /// How long until it can be granted. Zero: now.
    pub(super) fn wait(&self, counts: &Counts) -> Duration {
        let at_address = self.address.as_ref().map(|_| counts.unresolved.wait(self.account_key, self.now));
        self.budget.wait(&counts.tries, self.now).max(at_address.unwrap_or_default())
    }
}

/// Items of the table, by what they count.
pub(super) struct ByCounter(HashMap<String, Item>);

impl ByCounter {
    pub(super) fn of(items: Vec<Item>) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            counter: String,
        }
        let named = |item: Item| read::<Named>(item.clone()).map(|named| (named.counter, item));
        items.into_iter().map(named).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn get<T: DeserializeOwned + Default>(&self, counter: &Counter) -> Result<T, StoreError> {
        Ok(self.0.get(counter.as_str()).cloned().map(read).transpose()?.unwrap_or_default())
    }
}

/// The Throttles table.
pub struct Throttles(pub Table);

impl Throttles {
    /// That which `THROTTLES_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "THROTTLES_TABLE").map(Self)
    }

    /// Counts a try before it is made, on all of its counters or on none. The condition is that nobody counted on any
    /// of them since they were `seen`, so each budget holds whatever the parallelism.
    pub(super) async fn reserve(&self, reserving: &Reserving<'_>, mut seen: Counts) -> Result<Reservation, StoreError> {
        for _ in 0..TRIES {
            let wait = reserving.wait(&seen);
            if !wait.is_zero() {
                return Ok(Reservation::Refused(wait));
            }
            let Reserving { counter, budget, account_key, address, now } = reserving;
            let next = budget.with_one_more(&seen.tries, *now);
            let mut items = vec![self.advance(counter, &seen.tries, &next, *now + budget.kept())?];
            if let Some(address) = address {
                items.push(self.advance_at(address, &seen.unresolved, account_key, *now)?);
            }
            match try_to_write_all(&self.0.client, "count a try", items).await? {
                Some(Outcome::Committed) => {
                    if address.is_some() {
                        let (number, failure) = seen.unresolved.one_more(account_key, *now);
                        seen.unresolved.failures.insert(number, failure);
                    }
                    return Ok(Reservation::Granted(Counts { tries: next, ..seen }));
                }
                Some(Outcome::Refused(_)) => seen = self.counts(reserving).await?,
                None => break,
            }
        }
        Ok(Reservation::Refused(BUSY))
    }

    async fn counts(&self, reserving: &Reserving<'_>) -> Result<Counts, StoreError> {
        let Reserving { counter, address, .. } = reserving;
        let counters: Vec<_> = [Some(counter), address.as_ref()].into_iter().flatten().collect();
        let items = self.0.batch(keys(&counters)?, "read a counter").await?;
        let counted = ByCounter::of(items)?;
        let unresolved = address.as_ref().map(|address| counted.get(address)).transpose()?;
        Ok(Counts { tries: counted.get(counter)?, unresolved: unresolved.unwrap_or_default() })
    }

    fn advance(
        &self,
        counter: &Counter,
        seen: &Tries,
        next: &Tries,
        kept_until: UnixTime,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(counter)))
            .update_expression("SET failures = :failures, #total = :next, forgiven = :forgiven, #ttl = :ttl")
            .expression_attribute_names("#total", "total")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":failures", moments(&next.failures))
            .expression_attribute_values(":next", number(next.total))
            .expression_attribute_values(":forgiven", number(next.forgiven))
            .expression_attribute_values(":ttl", number(kept_until.0));
        let update = if seen.total == 0 {
            update.condition_expression("attribute_not_exists(failures)")
        } else {
            update.condition_expression("#total = :seen").expression_attribute_values(":seen", number(seen.total))
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(failed("count a try"))?).build())
    }

    /// One more failure at an address. Each is an entry of its own, so that a success takes its own away whatever
    /// others count there meanwhile.
    fn advance_at(
        &self,
        address: &Counter,
        seen: &Unresolved,
        account: &AccountKey,
        now: UnixTime,
    ) -> Result<TransactWriteItem, StoreError> {
        const DOING: &str = "count a failure at an address";
        let (next, failure) = seen.one_more(account, now);
        let (remove_past, past) = removing(seen.past(now));
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(address)))
            .set_expression_attribute_names(Some(past))
            .expression_attribute_names("#total", "total")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":next", number(next))
            .expression_attribute_values(":ttl", number((now + Unresolved::kept()).0));
        let update = if seen.total == 0 {
            let failures = HashMap::from([(next, failure)]);
            update
                .update_expression("SET failures = :failures, #total = :next, #ttl = :ttl")
                .condition_expression("attribute_not_exists(#total)")
                .expression_attribute_values(":failures", to_attribute_value(failures).map_err(failed(DOING))?)
        } else {
            update
                .update_expression(format!("SET failures.#next = :failure, #total = :next, #ttl = :ttl {remove_past}"))
                .condition_expression("#total = :seen")
                .expression_attribute_names("#next", next.to_string())
                .expression_attribute_values(":failure", to_attribute_value(failure).map_err(failed(DOING))?)
                .expression_attribute_values(":seen", number(seen.total))
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(failed(DOING))?).build())
    }

    /// Takes failures away from an address.
    pub(super) async fn take_away(&self, address: &Counter, numbers: &[u64]) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let (remove, names) = removing(numbers.iter().copied());
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(address)))
            .update_expression(remove)
            // An item that is gone meanwhile counts nothing any more.
            .condition_expression("attribute_exists(failures)")
            .set_expression_attribute_names(Some(names))
            .send()
            .await;
        if_held(answer, "take failures away").map(drop)
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
}

/// For a batch: the items of counters, read consistently.
pub(super) fn keys(counters: &[&Counter]) -> Result<KeysAndAttributes, StoreError> {
    let keys = counters.iter().map(|counter| key(counter)).collect();
    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().map_err(failed("read a counter"))
}

/// `REMOVE` of an address's failures, and the names in it; empty for none.
fn removing(numbers: impl Iterator<Item = u64>) -> (String, HashMap<String, String>) {
    let names: HashMap<_, _> = numbers.map(|number| (format!("#past{number}"), number.to_string())).collect();
    let paths: Vec<_> = names.keys().map(|name| format!("failures.{name}")).collect();
    let remove = if paths.is_empty() { String::new() } else { format!("REMOVE {}", paths.join(", ")) };
    (remove, names)
}

fn moments(moments: &[UnixTime]) -> AttributeValue {
    AttributeValue::L(moments.iter().map(|moment| number(moment.0)).collect())
}

pub(super) fn key(counter: &Counter) -> Item {
    [("counter".to_owned(), text(counter.as_str()))].into()
}
