//! Budgets: how many failures are allowed, to which class of client, in which time.

use crate::class::Class;
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::secret::DeviceKeyHash;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is told where no waiting helps: only a success, or a mailed link, gives the budget back.
pub const UNTIL_A_LINK: Duration = Duration::from_hours(24);
/// How long failures that no window counts any more are remembered for the cumulative limit.
const REMEMBERED: Duration = Duration::from_hours(365 * 24);

/// At most so many in any stretch of so long.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many.
    pub count: usize,
    /// In which time.
    pub length: Duration,
}

/// The limit that the passing of a day does not lift.
#[derive(Clone, Copy, Debug)]
pub enum Long {
    /// So many in all.
    Cumulative(u64),
    /// At most so many in a longer stretch, which a success does not give back.
    Window(Window),
}

/// What an account's counter may hold for one class of client. All limits must hold.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// A quarter of an hour and a day: given back by a success.
    pub short: [Window; 2],
    /// The long one.
    pub long: Long,
}

impl Budget {
    /// The budget of failed sign-ins (`.github/SECURITY.md`). The organisation's
    /// least length of a password says how many guesses its accounts can bear.
    #[must_use]
    pub fn of_sign_in(class: Class, min_length: usize) -> Self {
        match class {
            Class::D => {
                Self { short: [Window::of_minutes(10, 15), Window::of_hours(20, 24)], long: Long::Cumulative(50) }
            }
            Class::M => Self {
                short: [Window::of_minutes(5, 15), Window::of_hours(15, 24)],
                long: Long::Window(Window::of_hours(80, 30 * 24)),
            },
            Class::U => {
                let guesses = match min_length {
                    0..=5 => 20,
                    6..=7 => 50,
                    _ => 100,
                };
                Self { short: [Window::of_minutes(5, 15), Window::of_hours(10, 24)], long: Long::Cumulative(guesses) }
            }
        }
    }

    /// How long until one more is allowed. Zero: now.
    #[must_use]
    pub fn wait(&self, tries: &Tries, now: UnixTime) -> Duration {
        let short = self.short.iter().map(|window| window.wait(tries.unforgiven(), now));
        let long = match self.long {
            Long::Cumulative(_) if self.is_spent_for_good(tries) => UNTIL_A_LINK,
            Long::Cumulative(_) => Duration::ZERO,
            Long::Window(window) => window.wait(&tries.failures, now),
        };
        short.chain([long]).max().unwrap_or_default()
    }

    /// Whether no waiting helps.
    #[must_use]
    pub fn is_spent_for_good(&self, tries: &Tries) -> bool {
        matches!(self.long, Long::Cumulative(limit) if tries.total >= limit)
    }

    /// The counter with one more failure, without those that no window counts any more.
    #[must_use]
    pub fn with_one_more(&self, tries: &Tries, now: UnixTime) -> Tries {
        let counted = |failure: &UnixTime| now < *failure + self.longest_window();
        let failures = tries.failures.iter().copied().filter(counted).chain([now]).collect();
        Tries { failures, total: tries.total + 1, forgiven: tries.forgiven }
    }

    /// How long a counter is kept after its last failure.
    #[must_use]
    pub fn kept(&self) -> Duration {
        match self.long {
            Long::Cumulative(_) => REMEMBERED,
            Long::Window(window) => window.length,
        }
    }

    fn longest_window(&self) -> Duration {
        let long = match self.long {
            Long::Cumulative(_) => Duration::ZERO,
            Long::Window(window) => window.length,
        };
        self.short.iter().map(|window| window.length).chain([long]).max().unwrap_or_default()
    }
}

impl Window {
    pub(crate) const fn of_minutes(count: usize, minutes: u64) -> Self {
        Self { count, length: Duration::from_mins(minutes) }
    }

    pub(crate) const fn of_hours(count: usize, hours: u64) -> Self {
        Self { count, length: Duration::from_hours(hours) }
    }

    /// How long until one more may come after these moments, which are in order.
    pub(crate) fn wait(&self, past: &[UnixTime], now: UnixTime) -> Duration {
        // The one that must have left the window before another may enter it.
        let blocking = past.len().checked_sub(self.count).and_then(|at| past.get(at));
        blocking.map_or(Duration::ZERO, |moment| Duration::from_secs(now.seconds_until(*moment + self.length)))
    }
}

/// What a counter holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// The moments of the failures that some window still counts, oldest first.
    pub failures: Vec<UnixTime>,
    /// All that were ever counted. It rises with each, so it also tells one state of the counter from another.
    pub total: u64,
    /// How many had been counted when a success forgave them: the short windows count only what came after.
    #[serde(default)]
    pub forgiven: u64,
}

impl Tries {
    fn unforgiven(&self) -> &[UnixTime] {
        let since = usize::try_from(self.total - self.forgiven).unwrap_or(usize::MAX);
        &self.failures[self.failures.len().saturating_sub(since)..]
    }

    /// The counter after a success: the last try was none of a failure, and what came before is forgiven.
    #[must_use]
    pub fn forgiven(&self) -> Self {
        let failures = self.failures.split_last().map_or(Vec::new(), |(_, before)| before.to_vec());
        Self { failures, total: self.total, forgiven: self.total }
    }
}

/// The name of a counter in the Throttles table: what is counted, then keyed hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter(String);

impl Counter {
    /// Failed sign-ins of an account, known or not, from a managed network or from outside.
    #[must_use]
    pub fn sign_in(account: &AccountKey, class: Class) -> Self {
        Self(format!("login#{}#{}", class.letter(), account.as_str()))
    }

    /// Failed sign-ins of an account on a device that it knows.
    #[must_use]
    pub(crate) fn sign_in_on(account: &AccountKey, device: &DeviceKeyHash) -> Self {
        Self(format!("login#{}#{}#{}", Class::D.letter(), account.as_str(), device.as_str()))
    }

    /// Unresolved failures at an address outside, by its keyed hash.
    #[must_use]
    pub fn address(key: &str) -> Self {
        Self(format!("login#address#{key}"))
    }

    /// What the brake over all of outside counts.
    #[must_use]
    pub fn brake() -> Self {
        Self("login#circuit-breaker".to_owned())
    }

    /// What is spent of a quota, under this name.
    #[must_use]
    pub(crate) fn of_quota(name: String) -> Self {
        Self(name)
    }

    /// The counter's key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(failures: impl IntoIterator<Item = i64>) -> Tries {
        let failures: Vec<_> = failures.into_iter().map(UnixTime).collect();
        Tries { total: failures.len() as u64, failures, forgiven: 0 }
    }

    const MINUTE: i64 = 60;
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    #[test]
    fn the_sixth_in_a_quarter_of_an_hour_waits_until_the_first_is_past() {
        for class in [Class::U, Class::M] {
            let budget = Budget::of_sign_in(class, 4);
            let five = tries((0..5).map(|n| n * MINUTE));
            assert_eq!(budget.wait(&tries((0..4).map(|n| n * MINUTE)), UnixTime(14 * MINUTE)), Duration::ZERO);
            assert_eq!(budget.wait(&five, UnixTime(14 * MINUTE)), Duration::from_mins(1));
            assert_eq!(budget.wait(&five, UnixTime(15 * MINUTE)), Duration::ZERO);
        }
        let ten = tries((0..10).map(|n| n * MINUTE));
        assert_eq!(Budget::of_sign_in(Class::D, 4).wait(&ten, UnixTime(14 * MINUTE)), Duration::from_mins(1));
    }

    #[test]
    fn a_day_has_its_own_limit() {
        for (class, limit) in [(Class::U, 10), (Class::M, 15), (Class::D, 20)] {
            let spread = tries((0..limit).map(|n| n * HOUR));
            let wait = Budget::of_sign_in(class, 4).wait(&spread, UnixTime(limit * HOUR));
            assert_eq!(i64::try_from(wait.as_secs()).unwrap(), DAY - limit * HOUR, "{class:?}");
        }
    }

    #[test]
    fn from_outside_guesses_add_up_and_only_a_longer_password_bears_more() {
        for (min_length, limit) in [(4, 20), (5, 20), (6, 50), (7, 50), (8, 100), (15, 100)] {
            let budget = Budget::of_sign_in(Class::U, min_length);
            let long_ago = |total| Tries { failures: Vec::new(), total, forgiven: 0 };
            assert_eq!(budget.wait(&long_ago(limit - 1), UnixTime(0)), Duration::ZERO);
            assert_eq!(budget.wait(&long_ago(limit), UnixTime(0)), UNTIL_A_LINK);
        }
    }

    #[test]
    fn a_success_inside_forgives_the_day_but_not_the_month() {
        let budget = Budget::of_sign_in(Class::M, 4);
        let forgiven = tries([1, 2, 3, 4, 10]).forgiven();
        assert_eq!(forgiven.failures.len(), 4, "the success itself was no failure");
        let mut after = forgiven;
        for n in 0..5 {
            assert_eq!(budget.wait(&after, UnixTime(11)), Duration::ZERO, "{n}");
            after = budget.with_one_more(&after, UnixTime(11));
        }
        assert_eq!(budget.wait(&after, UnixTime(11)), Duration::from_mins(15));
        let eighty = tries((0..=80).map(|n| n * HOUR)).forgiven();
        assert_eq!(budget.wait(&eighty, UnixTime(81 * HOUR)), Duration::from_hours(30 * 24 - 81));
    }

    #[test]
    fn one_more_is_counted_and_what_no_window_counts_goes() {
        let budget = Budget::of_sign_in(Class::U, 4);
        let next = budget.with_one_more(&tries([0, DAY]), UnixTime(DAY + 1));
        assert_eq!(next.failures, [UnixTime(DAY), UnixTime(DAY + 1)]);
        assert_eq!(next.total, 3);
    }
}
