//! Budgets: how many failures are allowed in which time.

use crate::class::Class;
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use std::time::Duration;

/// At most so many in any stretch of so long.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many.
    pub count: usize,
    /// In which time.
    pub length: Duration,
}

/// Windows that all must hold.
#[derive(Clone, Copy, Debug)]
pub struct Budget(pub &'static [Window]);

/// Failed sign-ins of one account: 5 in any 15 minutes.
pub const SIGN_IN: Budget = Budget(&[Window { count: 5, length: Duration::from_mins(15) }]);

/// The name of a counter in the Throttles table: what is counted, then keyed hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter(String);

impl Counter {
    /// Failed sign-ins of an account, known or not, by clients of a class.
    #[must_use]
    pub fn sign_in(account: &AccountKey, class: Class) -> Self {
        Self(format!("login#{}#{}", class.letter(), account.as_str()))
    }

    /// The counter's key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Budget {
    /// How long until one more is allowed, given the moments of those before, oldest first. Zero: now.
    #[must_use]
    pub fn wait(&self, past: &[UnixTime], now: UnixTime) -> Duration {
        let waits = self.0.iter().filter_map(|window| {
            // The one that must have left the window before another may enter it.
            let blocking = past.get(past.len().checked_sub(window.count)?)?;
            Some(Duration::from_secs(now.seconds_until(*blocking + window.length)))
        });
        waits.max().unwrap_or_default()
    }

    /// Those of the past moments that some window still counts.
    #[must_use]
    pub fn still_counted(&self, past: &[UnixTime], now: UnixTime) -> Vec<UnixTime> {
        past.iter().copied().filter(|moment| now < *moment + self.longest()).collect()
    }

    /// The longest of the windows.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.0.iter().map(|window| window.length).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(moments: &[i64]) -> Vec<UnixTime> {
        moments.iter().map(|minute| UnixTime(minute * 60)).collect()
    }

    #[test]
    fn the_sixth_in_a_quarter_of_an_hour_waits_until_the_first_is_past() {
        let now = UnixTime(14 * 60);
        assert_eq!(SIGN_IN.wait(&minutes(&[0, 1, 2, 3]), now), Duration::ZERO);
        assert_eq!(SIGN_IN.wait(&minutes(&[0, 1, 2, 3, 4]), now), Duration::from_mins(1));
        assert_eq!(SIGN_IN.wait(&minutes(&[0, 1, 2, 3, 4]), UnixTime(15 * 60)), Duration::ZERO);
        assert_eq!(SIGN_IN.wait(&minutes(&[0, 1, 2, 3, 4, 5]), now), Duration::from_mins(2));
    }

    #[test]
    fn every_window_must_hold() {
        const TWO: Budget = Budget(&[
            Window { count: 2, length: Duration::from_mins(1) },
            Window { count: 3, length: Duration::from_hours(1) },
        ]);
        assert_eq!(TWO.wait(&minutes(&[0, 30, 40]), UnixTime(41 * 60)), Duration::from_mins(19));
        assert_eq!(TWO.still_counted(&minutes(&[0, 30, 40]), UnixTime(61 * 60)), minutes(&[30, 40]));
    }
}
