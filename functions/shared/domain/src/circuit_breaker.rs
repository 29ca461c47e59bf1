//! Circuit breaker on sign-ins from untrusted sources.
//!
//! Limits per source do not stop an attack that is spread over many addresses. When the failures from all untrusted
//! sources together reach a limit, no password from such a source is verified for an hour. Known devices and managed
//! networks are unaffected.
//!
//! It counts *unresolved* failures: a successful sign-in subtracts those of the same account at the same source.

use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// How long the breaker stays open.
const OPEN_FOR: Duration = HOUR;
/// How long its state is stored: the day that it counts, and the hour that it may stay open beyond.
pub const RETENTION: Duration = Duration::from_hours(25);

/// The limits at which the breaker opens.
#[derive(Clone, Copy, Debug)]
pub struct CircuitBreaker {
    /// `UntrustedFailuresPerHour`.
    pub per_hour: u64,
    /// `UntrustedFailuresPerDay`.
    pub per_day: u64,
}

/// What the breaker has counted. Periods start at their first failure, not on clock boundaries, so that nobody can get
/// twice the limit by waiting for a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerState {
    pub hour_started_at: UnixTime,
    pub failures_in_hour: u64,
    pub day_started_at: UnixTime,
    pub failures_in_day: u64,
    pub open_until: UnixTime,
}

impl Default for BreakerState {
    fn default() -> Self {
        let never = UnixTime(0);
        Self {
            hour_started_at: never,
            failures_in_hour: 0,
            day_started_at: never,
            failures_in_day: 0,
            open_until: never,
        }
    }
}

impl CircuitBreaker {
    /// The state with one more failure. The failure that reaches a limit opens the breaker.
    #[must_use]
    pub fn record_failure(self, state: BreakerState, now: UnixTime) -> BreakerState {
        let next = |from, count, length| if now < from + length { (from, count + 1) } else { (now, 1) };
        let (hour_started_at, failures_in_hour) = next(state.hour_started_at, state.failures_in_hour, HOUR);
        let (day_started_at, failures_in_day) = next(state.day_started_at, state.failures_in_day, DAY);
        let opens = failures_in_hour >= self.per_hour || failures_in_day >= self.per_day;
        let open_until = if opens { now + OPEN_FOR } else { state.open_until };
        BreakerState { hour_started_at, failures_in_hour, day_started_at, failures_in_day, open_until }
    }
}

impl BreakerState {
    /// How long the breaker stays open; zero if it is closed.
    #[must_use]
    pub fn retry_after(&self, now: UnixTime) -> Duration {
        Duration::from_secs(now.seconds_until(self.open_until))
    }

    /// How many of these failures belong to the current hour, and to the current day.
    #[must_use]
    pub fn count_in_periods(&self, failures: &[UnixTime]) -> (u64, u64) {
        let since = |from| failures.iter().filter(|at| **at >= from).count() as u64;
        (since(self.hour_started_at), since(self.day_started_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;

    #[test]
    fn circuit_breaker_opens_for_an_hour_and_then_counts_again() {
        let breaker = CircuitBreaker { per_hour: 3, per_day: 5 };
        let (mut state, mut open) = (BreakerState::default(), Vec::new());
        for minute in [0, 1, 61, 62, 63, 200, 1300, 1440, 1441] {
            let now = UnixTime(1_000_000_000 + minute * MINUTE);
            state = breaker.record_failure(state, now);
            open.push(!state.retry_after(now).is_zero());
        }
        // Three within an hour; then each failure from the fifth of the day on, until that day is over.
        assert_eq!(open, [false, false, false, false, true, true, true, false, false]);
    }
}
