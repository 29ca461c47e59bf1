//! Throttles: what was tried, by whom or from where, as the moments of the tries.

use super::transaction::{Outcome, try_to_write_all, write_all};
use super::{Item, StoreError, Table, failed, if_held, number, read, text};
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::metrics::{self, Metric};
use crate::outside::{Brake, Braking, Unresolved};
use crate::quota::Spending;
use crate::throttle::{Budget, Counter, Tries};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::to_attribute_value;
use std::collections::HashMap;
use std::time::Duration;

/// Attempts at one reservation where others reserve on the same counter at once.
const TRIES: u32 = 4;
/// Where the race was lost each time: the counter is busy, not spent.
const BUSY: Duration = Duration::from_secs(1);
/// The day that the brake counts, and the hour that it may hold beyond.
const BRAKE_KEPT: Duration = Duration::from_hours(25);

/// One more of a quota, on the condition that one is left.
const SPEND: &str = "SET #ttl = :ttl ADD spent :one";
const ONE_IS_LEFT: &str = "attribute_not_exists(spent) OR spent < :count";

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
    pub(super) fn get<T: DeserializeOwned + Default>(&self, counter: &Counter) -> Result<T, StoreError> {
        Ok(self.0.get(counter.as_str()).cloned().map(read).transpose()?.unwrap_or_default())
    }

    pub(super) fn tries(&self, counter: &Counter) -> Result<Tries, StoreError> {
        self.get(counter)
    }

    pub(super) fn unresolved(&self, address: &Counter) -> Result<Unresolved, StoreError> {
        self.get(address)
    }

    pub(super) fn braking(&self) -> Result<Braking, StoreError> {
        self.get(&Counter::brake())
    }
}

/// The Throttles table.
pub struct Throttles(pub Table);

impl Throttles {
    pub(super) fn by_counter(items: Vec<Item>) -> Result<ByCounter, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            counter: String,
        }
        let named = |item: Item| read::<Named>(item.clone()).map(|named| (named.counter, item));
        items.into_iter().map(named).collect::<Result<_, _>>().map(ByCounter)
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
        let counted = Self::by_counter(items)?;
        let unresolved = address.as_ref().map(|address| counted.unresolved(address)).transpose()?;
        Ok(Counts { tries: counted.tries(counter)?, unresolved: unresolved.unwrap_or_default() })
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
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "take failures away").map(drop)
    }

    /// Counts a failure on the brake before it can be one. How long the brake holds, where it is pulled; else what it
    /// has counted.
    ///
    /// All of outside counts on this one item, so the plain way does not depend on what was seen. Only the first of an
    /// hour or a day, and the one that pulls the brake, must find the item as they know it.
    pub(super) async fn brake(
        &self,
        brake: Brake,
        mut seen: Braking,
        now: UnixTime,
    ) -> Result<Result<Braking, Duration>, StoreError> {
        for _ in 0..TRIES {
            let wait = seen.wait(now);
            if !wait.is_zero() {
                return Ok(Err(wait));
            }
            let next = brake.with_one_more(seen, now);
            let plain = Braking { in_hour: next.in_hour, in_day: next.in_day, ..seen } == next;
            let call = if plain { self.one_more_on_brake(brake, now) } else { self.turn_brake(seen, next) };
            let call = call
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", number((now + BRAKE_KEPT).0))
                .expression_attribute_values(":hour_from", number(seen.hour_from.0))
                .expression_attribute_values(":day_from", number(seen.day_from.0))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            match call.send().await {
                Ok(_) => {
                    if next.until > seen.until {
                        tracing::error!(brake.in_hour = next.in_hour, brake.in_day = next.in_day, "brake pulled");
                        metrics::count(Metric::BrakePulled);
                    }
                    return Ok(Ok(next));
                }
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                        seen = refused.item().cloned().map(read).transpose()?.unwrap_or_default();
                    }
                    _ => return Err(failed("count on the brake")(error)),
                },
            }
        }
        Ok(Err(BUSY))
    }

    fn one_more_on_brake(&self, brake: Brake, now: UnixTime) -> UpdateItemFluentBuilder {
        self.update_brake()
            .update_expression("SET in_hour = in_hour + :one, in_day = in_day + :one, #ttl = :ttl")
            .condition_expression(
                "hour_from = :hour_from AND day_from = :day_from AND #until <= :now \
                 AND in_hour < :last_of_hour AND in_day < :last_of_day",
            )
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":last_of_hour", number(brake.per_hour - 1))
            .expression_attribute_values(":last_of_day", number(brake.per_day - 1))
    }

    fn turn_brake(&self, seen: Braking, next: Braking) -> UpdateItemFluentBuilder {
        // All values must be spoken of, also where there is no item yet.
        let alone = "hour_from = :hour_from AND in_hour = :in_hour AND day_from = :day_from AND in_day = :in_day \
                     AND #until = :until";
        let first = seen == Braking::default();
        let condition = if first { format!("attribute_not_exists(hour_from) OR ({alone})") } else { alone.to_owned() };
        self.update_brake()
            .update_expression(
                "SET hour_from = :next_hour_from, in_hour = :next_in_hour, day_from = :next_day_from, \
                 in_day = :next_in_day, #until = :next_until, #ttl = :ttl",
            )
            .condition_expression(condition)
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":in_hour", number(seen.in_hour))
            .expression_attribute_values(":in_day", number(seen.in_day))
            .expression_attribute_values(":until", number(seen.until.0))
            .expression_attribute_values(":next_hour_from", number(next.hour_from.0))
            .expression_attribute_values(":next_in_hour", number(next.in_hour))
            .expression_attribute_values(":next_day_from", number(next.day_from.0))
            .expression_attribute_values(":next_in_day", number(next.in_day))
            .expression_attribute_values(":next_until", number(next.until.0))
    }

    fn update_brake(&self) -> UpdateItemFluentBuilder {
        let Table { client, name } = &self.0;
        client.update_item().table_name(name).set_key(Some(key(&Counter::brake())))
    }

    /// Takes failures of these moments away from the brake, if it still counts the hour and the day that it counted.
    pub(super) async fn release(&self, counted: &Braking, moments: &[UnixTime]) -> Result<(), StoreError> {
        let (in_hour, in_day) = counted.holds(moments);
        let answer = self
            .update_brake()
            .update_expression("SET in_hour = in_hour - :in_hour, in_day = in_day - :in_day")
            .condition_expression(
                "hour_from = :hour_from AND day_from = :day_from AND in_hour >= :in_hour AND in_day >= :in_day",
            )
            .expression_attribute_values(":hour_from", number(counted.hour_from.0))
            .expression_attribute_values(":day_from", number(counted.day_from.0))
            .expression_attribute_values(":in_hour", number(in_hour))
            .expression_attribute_values(":in_day", number(in_day))
            .send()
            .await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "release the brake").map(drop)
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

    /// Spends one of a quota that everybody spends at once, if one is left: in a plain write, since transactions on one
    /// item refuse each other. Whether one was left. A repeated write may count twice, never not at all.
    pub async fn spend_common(&self, spending: &Spending) -> Result<bool, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .key("counter", text(&spending.counter))
            .update_expression(SPEND)
            .condition_expression(ONE_IS_LEFT)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(spending.ends_at.0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":count", number(spending.count))
            .send()
            .await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "spend a quota")
            .map(|held| held.is_some())
    }

    /// Gives back what was spent of such a quota for nothing.
    pub async fn give_back(&self, spending: &Spending) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .key("counter", text(&spending.counter))
            .update_expression("ADD spent :less")
            .condition_expression("spent > :none")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":none", number(0))
            .send()
            .await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "give a quota back").map(drop)
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
            .update_expression(SPEND)
            .condition_expression(ONE_IS_LEFT)
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

fn key(counter: &Counter) -> Item {
    [("counter".to_owned(), text(counter.as_str()))].into()
}
