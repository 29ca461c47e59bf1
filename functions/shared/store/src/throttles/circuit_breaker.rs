//! The circuit breaker's state: one item for all untrusted sources.

use super::{CONTENTION_RETRY_AFTER, MAX_ATTEMPTS, Reservation, Throttles, key};
use crate::table::{StoreError, Table, condition_met, from_item, n, updated_or_existing};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use guichet_domain::circuit_breaker::{BreakerState, CircuitBreaker, RETENTION};
use guichet_domain::counter::Counter;
use guichet_domain::time::UnixTime;
use guichet_platform::metrics::{self, Metric};

impl Throttles {
    /// Counts an attempt as a failure before it is verified, unless the breaker is open.
    ///
    /// All untrusted sources write to this item, so the usual write is an increment that does not depend on the state
    /// that was read. Only the first failure of a period and the one that opens the breaker use compare-and-set.
    pub(crate) async fn record_breaker_failure(
        &self,
        breaker: CircuitBreaker,
        mut state: BreakerState,
        now: UnixTime,
    ) -> Result<Reservation<BreakerState>, StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            let wait = state.retry_after(now);
            if !wait.is_zero() {
                return Ok(Reservation::Refused(wait));
            }
            let next = breaker.record_failure(state, now);
            let is_increment = BreakerState {
                failures_in_hour: next.failures_in_hour,
                failures_in_day: next.failures_in_day,
                ..state
            } == next;
            let call = if is_increment { self.increment(breaker, now) } else { self.compare_and_set(state, next) };
            let call = call
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":ttl", n((now + RETENTION).0))
                .expression_attribute_values(":hour_started_at", n(state.hour_started_at.0))
                .expression_attribute_values(":day_started_at", n(state.day_started_at.0))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            match updated_or_existing(call.send().await, "count a failure on the circuit breaker")? {
                Ok(_) => {
                    if next.open_until > state.open_until {
                        tracing::error!(
                            breaker.failures_hour = next.failures_in_hour,
                            breaker.failures_day = next.failures_in_day,
                            "circuit breaker opened"
                        );
                        metrics::increment(Metric::CircuitBreakerOpened);
                    }
                    return Ok(Reservation::Granted(next));
                }
                Err(existing) => state = existing.map(from_item).transpose()?.unwrap_or_default(),
            }
        }
        Ok(Reservation::Refused(CONTENTION_RETRY_AFTER))
    }

    fn increment(&self, breaker: CircuitBreaker, now: UnixTime) -> UpdateItemFluentBuilder {
        self.update_breaker()
            .update_expression(
                "SET failures_in_hour = failures_in_hour + :one, failures_in_day = failures_in_day + :one, #ttl = :ttl",
            )
            .condition_expression(
                "hour_started_at = :hour_started_at AND day_started_at = :day_started_at AND open_until <= :now \
                 AND failures_in_hour < :last_of_hour AND failures_in_day < :last_of_day",
            )
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":last_of_hour", n(breaker.per_hour - 1))
            .expression_attribute_values(":last_of_day", n(breaker.per_day - 1))
    }

    fn compare_and_set(&self, state: BreakerState, next: BreakerState) -> UpdateItemFluentBuilder {
        // DynamoDB rejects unused expression values, so the condition mentions all of them even if there is no item
        // yet.
        let unchanged = "hour_started_at = :hour_started_at AND failures_in_hour = :failures_in_hour \
                         AND day_started_at = :day_started_at AND failures_in_day = :failures_in_day \
                         AND open_until = :open_until";
        let condition = if state == BreakerState::default() {
            format!("attribute_not_exists(hour_started_at) OR ({unchanged})")
        } else {
            unchanged.to_owned()
        };
        self.update_breaker()
            .update_expression(
                "SET hour_started_at = :next_hour_started_at, failures_in_hour = :next_failures_in_hour, \
                 day_started_at = :next_day_started_at, failures_in_day = :next_failures_in_day, \
                 open_until = :next_open_until, #ttl = :ttl",
            )
            .condition_expression(condition)
            .expression_attribute_values(":failures_in_hour", n(state.failures_in_hour))
            .expression_attribute_values(":failures_in_day", n(state.failures_in_day))
            .expression_attribute_values(":open_until", n(state.open_until.0))
            .expression_attribute_values(":next_hour_started_at", n(next.hour_started_at.0))
            .expression_attribute_values(":next_failures_in_hour", n(next.failures_in_hour))
            .expression_attribute_values(":next_day_started_at", n(next.day_started_at.0))
            .expression_attribute_values(":next_failures_in_day", n(next.failures_in_day))
            .expression_attribute_values(":next_open_until", n(next.open_until.0))
    }

    fn update_breaker(&self) -> UpdateItemFluentBuilder {
        let Table { client, name } = &self.0;
        client.update_item().table_name(name).set_key(Some(key(&Counter::circuit_breaker())))
    }

    /// Subtracts failures of these moments, unless a new hour or day has begun since they were counted.
    pub(crate) async fn refund_breaker(&self, counted: &BreakerState, failures: &[UnixTime]) -> Result<(), StoreError> {
        let (in_hour, in_day) = counted.count_in_periods(failures);
        let output = self
            .update_breaker()
            .update_expression(
                "SET failures_in_hour = failures_in_hour - :in_hour, failures_in_day = failures_in_day - :in_day",
            )
            .condition_expression(
                "hour_started_at = :hour_started_at AND day_started_at = :day_started_at \
                 AND failures_in_hour >= :in_hour AND failures_in_day >= :in_day",
            )
            .expression_attribute_values(":hour_started_at", n(counted.hour_started_at.0))
            .expression_attribute_values(":day_started_at", n(counted.day_started_at.0))
            .expression_attribute_values(":in_hour", n(in_hour))
            .expression_attribute_values(":in_day", n(in_day))
            .send()
            .await;
        condition_met(output, "refund the circuit breaker").map(drop)
    }
}
