//! Quotas: how many there were of something, in so long by the clock.

use super::{Throttles, key};
use crate::clock::UnixTime;
use crate::quota::Spending;
use crate::store::transaction::{Outcome, write_all};
use crate::store::{StoreError, Table, failed, if_held, number, read};
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use serde::Deserialize;
use std::time::Duration;

/// One more of a quota, on the condition that one is left.
const SPEND: &str = "SET #ttl = :ttl ADD spent :one";
const ONE_IS_LEFT: &str = "attribute_not_exists(spent) OR spent < :count";

impl Throttles {
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
            .set_key(Some(key(&spending.counter)))
            .update_expression(SPEND)
            .condition_expression(ONE_IS_LEFT)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(spending.ends_at.0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":count", number(spending.count))
            .send()
            .await;
        if_held(answer, "spend a quota")
    }

    /// Gives back what was spent of such a quota for nothing.
    pub async fn give_back(&self, spending: &Spending) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&spending.counter)))
            .update_expression("ADD spent :less")
            .condition_expression("spent > :none")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":none", number(0))
            .send()
            .await;
        if_held(answer, "give a quota back").map(drop)
    }

    /// Whether a quota is used up, and for how long.
    pub async fn is_used_up(&self, spending: &Spending, now: UnixTime) -> Result<Option<Duration>, StoreError> {
        #[derive(Deserialize)]
        struct Spent {
            spent: u32,
        }
        let Table { client, name } = &self.0;
        let call = client.get_item().table_name(name).set_key(Some(key(&spending.counter)));
        let answer = call.consistent_read(true).send().await;
        let spent: Option<Spent> = answer.map_err(failed("read a quota"))?.item.map(read).transpose()?;
        let used_up = spent.is_some_and(|spent| spent.spent >= spending.count);
        Ok(used_up.then(|| Duration::from_secs(now.seconds_until(spending.ends_at))))
    }

    /// In a transaction: spends one of a quota, if one is left.
    pub(in crate::store) fn take(&self, spending: &Spending) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&spending.counter)))
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
pub(in crate::store) fn wait(spendings: &[Spending], used_up: &[usize], now: UnixTime) -> Duration {
    let ends = used_up.iter().filter_map(|at| spendings.get(*at)).map(|spending| spending.ends_at).max();
    Duration::from_secs(ends.map_or(1, |ends| now.seconds_until(ends)))
}
