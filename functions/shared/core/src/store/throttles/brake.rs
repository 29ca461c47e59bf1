//! The brake: one item for all of outside.

use super::{BUSY, TRIES, Throttles, key};
use crate::clock::UnixTime;
use crate::metrics::{self, Metric};
use crate::outside::{Brake, Braking};
use crate::store::{StoreError, Table, if_held, new_or_old, number, read};
use crate::throttle::Counter;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use std::time::Duration;

/// The day that the brake counts, and the hour that it may hold beyond.
const BRAKE_KEPT: Duration = Duration::from_hours(25);

impl Throttles {
    /// Counts a failure on the brake before it can be one. How long the brake holds, where it is pulled; else what it
    /// has counted.
    ///
    /// All of outside counts on this one item, so the plain way does not depend on what was seen. Only the first of an
    /// hour or a day, and the one that pulls the brake, must find the item as they know it.
    pub(in crate::store) async fn brake(
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
            match new_or_old(call.send().await, "count on the brake")? {
                Ok(_) => {
                    if next.until > seen.until {
                        tracing::error!(brake.in_hour = next.in_hour, brake.in_day = next.in_day, "brake pulled");
                        metrics::count(Metric::CircuitBreakerOpened);
                    }
                    return Ok(Ok(next));
                }
                Err(old) => seen = old.map(read).transpose()?.unwrap_or_default(),
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
    pub(in crate::store) async fn release(&self, counted: &Braking, moments: &[UnixTime]) -> Result<(), StoreError> {
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
        if_held(answer, "release the brake").map(drop)
    }
}
