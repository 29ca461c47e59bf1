//! Rate limits in fixed windows.

use super::{Throttles, key};
use crate::table::{StoreError, Table, condition_met, from_item, n, store_error};
use crate::transaction::{TransactionOutcome, transact};
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use guichet_domain::rate_limit::Charge;
use guichet_domain::time::UnixTime;
use serde::Deserialize;
use std::time::Duration;

const CHARGE: &str = "SET #ttl = :ttl ADD spent :one";
const BELOW_LIMIT: &str = "attribute_not_exists(spent) OR spent < :max";

impl Throttles {
    /// Makes all charges or none. `Some(retry_after)` if a limit is reached.
    pub async fn charge(&self, charges: &[Charge], now: UnixTime) -> Result<Option<Duration>, StoreError> {
        let items = charges.iter().map(|charge| self.charge_item(charge)).collect::<Result<Vec<_>, _>>()?;
        Ok(match transact(&self.0.client, "charge a rate limit", items).await? {
            TransactionOutcome::Committed => None,
            TransactionOutcome::ConditionFailed(at) => Some(retry_after(charges, &at, now)),
        })
    }

    /// Charges a counter that every invocation writes, without a transaction, because concurrent transactions on one
    /// item conflict. A retry of the SDK may count twice. Returns whether the limit allowed the charge.
    pub async fn charge_hot_counter(&self, charge: &Charge) -> Result<bool, StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&charge.counter)))
            .update_expression(CHARGE)
            .condition_expression(BELOW_LIMIT)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", n(charge.resets_at.0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":max", n(charge.max_events))
            .send()
            .await;
        condition_met(output, "charge a rate limit")
    }

    /// Refunds a charge of [`charge_hot_counter`](Self::charge_hot_counter).
    pub async fn refund_hot_counter(&self, charge: &Charge) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&charge.counter)))
            .update_expression("ADD spent :less")
            .condition_expression("spent > :none")
            .expression_attribute_values(":less", n(-1))
            .expression_attribute_values(":none", n(0))
            .send()
            .await;
        condition_met(output, "refund a rate limit").map(drop)
    }

    /// `Some(retry_after)` if the limit is reached. Charges nothing.
    pub async fn retry_after_if_reached(&self, charge: &Charge, now: UnixTime) -> Result<Option<Duration>, StoreError> {
        #[derive(Deserialize)]
        struct Spent {
            spent: u32,
        }
        let Table { client, name } = &self.0;
        let call = client.get_item().table_name(name).set_key(Some(key(&charge.counter)));
        let output = call.consistent_read(true).send().await;
        let spent: Option<Spent> = output.map_err(store_error("read a rate limit"))?.item.map(from_item).transpose()?;
        let reached = spent.is_some_and(|spent| spent.spent >= charge.max_events);
        Ok(reached.then(|| Duration::from_secs(now.seconds_until(charge.resets_at))))
    }

    /// Transaction item: one charge, if the limit allows it.
    pub(crate) fn charge_item(&self, charge: &Charge) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&charge.counter)))
            .update_expression(CHARGE)
            .condition_expression(BELOW_LIMIT)
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", n(charge.resets_at.0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":max", n(charge.max_events))
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(store_error("charge a rate limit"))?).build())
    }
}

/// How long until all of the limits at these indexes reset.
pub(crate) fn retry_after(charges: &[Charge], reached: &[usize], now: UnixTime) -> Duration {
    let resets_at = reached.iter().filter_map(|at| charges.get(*at)).map(|charge| charge.resets_at).max();
    Duration::from_secs(resets_at.map_or(1, |resets_at| now.seconds_until(resets_at)))
}
