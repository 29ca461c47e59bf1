//! Lockout: how many failed sign-ins an account allows, per class of client.

use crate::client::ClientClass;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `Retry-After` of a locked account. Waiting does not unlock it; a password reset does.
pub const LOCKED_RETRY_AFTER: Duration = Duration::from_hours(24);
/// How long the history is stored for the total limit after its last failure.
const TOTAL_RETENTION: Duration = Duration::from_hours(365 * 24);

/// At most `max_events` in any sliding window of this length.
#[derive(Clone, Copy, Debug)]
pub struct SlidingWindow {
    pub max_events: usize,
    pub length: Duration,
}

/// The limit that bounds guessing over a long time.
#[derive(Clone, Copy, Debug)]
pub enum LongLimit {
    /// At most this many failures in all; then the account is locked for this class of client.
    Total(u64),
    /// A sliding window that a successful sign-in does not clear.
    Window(SlidingWindow),
}

/// Limits on the failed sign-ins of one account from one class of client. An attempt must satisfy all of them.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimits {
    /// 15 minutes and 24 hours. A successful sign-in clears both.
    pub short: [SlidingWindow; 2],
    pub long: LongLimit,
}

impl AttemptLimits {
    /// The limits of `.github/ASSURANCE.md`. The organization's minimum password length determines how many guesses are
    /// safe.
    #[must_use]
    pub fn for_sign_in(class: ClientClass, min_password_length: usize) -> Self {
        match class {
            ClientClass::KnownDevice => Self {
                short: [SlidingWindow::minutes(10, 15), SlidingWindow::hours(20, 24)],
                long: LongLimit::Total(50),
            },
            ClientClass::ManagedNetwork => Self {
                short: [SlidingWindow::minutes(5, 15), SlidingWindow::hours(15, 24)],
                long: LongLimit::Window(SlidingWindow::hours(80, 30 * 24)),
            },
            ClientClass::Untrusted => {
                let guesses = match min_password_length {
                    0..=5 => 20,
                    6..=7 => 50,
                    _ => 100,
                };
                Self {
                    short: [SlidingWindow::minutes(5, 15), SlidingWindow::hours(10, 24)],
                    long: LongLimit::Total(guesses),
                }
            }
        }
    }

    /// How long until the next attempt is allowed; zero if it is allowed now.
    #[must_use]
    pub fn retry_after(&self, history: &AttemptHistory, now: UnixTime) -> Duration {
        let short = self.short.iter().map(|window| window.retry_after(history.uncleared(), now));
        let long = match self.long {
            LongLimit::Total(_) if self.is_locked(history) => LOCKED_RETRY_AFTER,
            LongLimit::Total(_) => Duration::ZERO,
            LongLimit::Window(window) => window.retry_after(&history.failures, now),
        };
        short.chain([long]).max().unwrap_or_default()
    }

    /// Whether the total is used up, so that waiting does not help.
    #[must_use]
    pub fn is_locked(&self, history: &AttemptHistory) -> bool {
        matches!(self.long, LongLimit::Total(limit) if history.total >= limit)
    }

    /// The history with one more failure, without those that have left every window.
    #[must_use]
    pub fn record_failure(&self, history: &AttemptHistory, now: UnixTime) -> AttemptHistory {
        let in_window = |failure: &UnixTime| now < *failure + self.longest_window();
        let failures = history.failures.iter().copied().filter(in_window).chain([now]).collect();
        AttemptHistory { failures, total: history.total + 1, cleared: history.cleared }
    }

    /// How long a history is stored after its last failure.
    #[must_use]
    pub fn retention(&self) -> Duration {
        match self.long {
            LongLimit::Total(_) => TOTAL_RETENTION,
            LongLimit::Window(window) => window.length,
        }
    }

    fn longest_window(&self) -> Duration {
        let long = match self.long {
            LongLimit::Total(_) => Duration::ZERO,
            LongLimit::Window(window) => window.length,
        };
        self.short.iter().map(|window| window.length).chain([long]).max().unwrap_or_default()
    }
}

impl SlidingWindow {
    pub(crate) const fn minutes(max_events: usize, minutes: u64) -> Self {
        Self { max_events, length: Duration::from_mins(minutes) }
    }

    pub(crate) const fn hours(max_events: usize, hours: u64) -> Self {
        Self { max_events, length: Duration::from_hours(hours) }
    }

    /// How long until one more event fits, given the past events in order of time.
    pub(crate) fn retry_after(&self, past: &[UnixTime], now: UnixTime) -> Duration {
        // The event that must leave the window before another one fits.
        let blocking = past.len().checked_sub(self.max_events).and_then(|at| past.get(at));
        blocking.map_or(Duration::ZERO, |moment| Duration::from_secs(now.seconds_until(*moment + self.length)))
    }
}

/// The failed sign-ins of one counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptHistory {
    /// The failures that some window still contains, oldest first.
    pub failures: Vec<UnixTime>,
    /// All failures ever counted. It only rises, so it also serves as the version of the item for compare-and-set.
    pub total: u64,
    /// `total` at the last successful sign-in: the short windows ignore earlier failures.
    #[serde(default)]
    pub cleared: u64,
}

impl AttemptHistory {
    fn uncleared(&self) -> &[UnixTime] {
        let count = usize::try_from(self.total - self.cleared).unwrap_or(usize::MAX);
        &self.failures[self.failures.len().saturating_sub(count)..]
    }

    /// The history after a successful sign-in: its own reserved attempt is removed and earlier failures are cleared.
    #[must_use]
    pub fn clear_failures(&self) -> Self {
        let failures = self.failures.split_last().map_or(Vec::new(), |(_, before)| before.to_vec());
        Self { failures, total: self.total, cleared: self.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(failures: impl IntoIterator<Item = i64>) -> AttemptHistory {
        let failures: Vec<_> = failures.into_iter().map(UnixTime).collect();
        AttemptHistory { total: failures.len() as u64, failures, cleared: 0 }
    }

    const MINUTE: i64 = 60;
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn lockout_of_15_min_ends_when_oldest_failure_leaves_window() {
        for class in [ClientClass::Untrusted, ClientClass::ManagedNetwork] {
            let limits = AttemptLimits::for_sign_in(class, 4);
            let five = history((0..5).map(|n| n * MINUTE));
            assert_eq!(limits.retry_after(&history((0..4).map(|n| n * MINUTE)), UnixTime(14 * MINUTE)), Duration::ZERO);
            assert_eq!(limits.retry_after(&five, UnixTime(14 * MINUTE)), Duration::from_mins(1));
            assert_eq!(limits.retry_after(&five, UnixTime(15 * MINUTE)), Duration::ZERO);
        }
        let ten = history((0..10).map(|n| n * MINUTE));
        assert_eq!(
            AttemptLimits::for_sign_in(ClientClass::KnownDevice, 4).retry_after(&ten, UnixTime(14 * MINUTE)),
            Duration::from_mins(1)
        );
    }

    #[test]
    fn lockout_for_a_day_after_daily_limit() {
        for (class, limit) in
            [(ClientClass::Untrusted, 10), (ClientClass::ManagedNetwork, 15), (ClientClass::KnownDevice, 20)]
        {
            let spread = history((0..limit).map(|n| n * HOUR));
            let wait = AttemptLimits::for_sign_in(class, 4).retry_after(&spread, UnixTime(limit * HOUR));
            assert_eq!(i64::try_from(wait.as_secs()).unwrap(), DAY - limit * HOUR, "{class:?}");
        }
    }

    #[test]
    fn permanent_lockout_depends_on_min_password_length() {
        for (min_length, limit) in [(4, 20), (5, 20), (6, 50), (7, 50), (8, 100), (15, 100)] {
            let limits = AttemptLimits::for_sign_in(ClientClass::Untrusted, min_length);
            let long_ago = |total| AttemptHistory { failures: Vec::new(), total, cleared: 0 };
            assert_eq!(limits.retry_after(&long_ago(limit - 1), UnixTime(0)), Duration::ZERO);
            assert_eq!(limits.retry_after(&long_ago(limit), UnixTime(0)), LOCKED_RETRY_AFTER);
        }
    }

    #[test]
    fn success_clears_short_windows_but_not_30_days() {
        let limits = AttemptLimits::for_sign_in(ClientClass::ManagedNetwork, 4);
        let cleared = history([1, 2, 3, 4, 10]).clear_failures();
        assert_eq!(cleared.failures.len(), 4, "the reserved attempt of the success is not a failure");
        let mut after = cleared;
        for n in 0..5 {
            assert_eq!(limits.retry_after(&after, UnixTime(11)), Duration::ZERO, "{n}");
            after = limits.record_failure(&after, UnixTime(11));
        }
        assert_eq!(limits.retry_after(&after, UnixTime(11)), Duration::from_mins(15));
        let eighty = history((0..=80).map(|n| n * HOUR)).clear_failures();
        assert_eq!(limits.retry_after(&eighty, UnixTime(81 * HOUR)), Duration::from_hours(30 * 24 - 81));
    }

    #[test]
    fn record_failure_drops_failures_outside_every_window() {
        let limits = AttemptLimits::for_sign_in(ClientClass::Untrusted, 4);
        let next = limits.record_failure(&history([0, DAY]), UnixTime(DAY + 1));
        assert_eq!(next.failures, [UnixTime(DAY), UnixTime(DAY + 1)]);
        assert_eq!(next.total, 3);
    }
}
