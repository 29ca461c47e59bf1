//! What strangers have in common: the failures at their address, and the brake over all of outside.
//!
//! Both count what is *unresolved*: a success takes away what the same account failed at the same address before. So an
//! address that thousands of honest people share, who mistype and then type again, still serves them, where guesses at
//! one account after another add up.

use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::throttle::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Unresolved failures at one address.
const FAILURES: [Window; 2] = [Window::of_minutes(10, 10), Window::of_hours(100, 24)];
/// Accounts with unresolved failures at one address.
const ACCOUNTS: Window = Window::of_hours(20, 1);
/// So long an address is remembered after its last failure, and the brake counts.
const DAY: Duration = Duration::from_hours(24);
/// So long the brake counts besides, and holds once it is pulled.
const HOUR: Duration = Duration::from_hours(1);

/// A failed sign-in that no success has taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When.
    pub at: UnixTime,
    /// Of which account: the beginning of its keyed hash.
    pub account: String,
}

/// The unresolved failures at one address, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    /// The failures of a day; their numbers rise.
    pub failures: BTreeMap<u64, Failure>,
    /// The last number that was given: it rises with each failure, so it also tells one state from another.
    pub total: u64,
}

impl Unresolved {
    /// How long until a password of this account may be tried from there. Zero: now.
    #[must_use]
    pub fn wait(&self, account: &AccountKey, now: UnixTime) -> Duration {
        let mut moments: Vec<_> = self.failures.values().map(|failure| failure.at).collect();
        moments.sort_unstable();
        let by_count = FAILURES.iter().map(|window| window.wait(&moments, now));
        by_count.chain([self.wait_for_others(account, now)]).max().unwrap_or_default()
    }

    fn wait_for_others(&self, account: &AccountKey, now: UnixTime) -> Duration {
        let mut latest: BTreeMap<&str, UnixTime> = BTreeMap::new();
        for failure in self.failures.values() {
            let last = latest.entry(&failure.account).or_insert(failure.at);
            *last = failure.at.max(*last);
        }
        if latest.get(account.brief()).is_some_and(|last| now < *last + ACCOUNTS.length) {
            return Duration::ZERO;
        }
        let mut moments: Vec<_> = latest.into_values().collect();
        moments.sort_unstable();
        ACCOUNTS.wait(&moments, now)
    }

    /// The number and the failure that one more try would be.
    #[must_use]
    pub fn one_more(&self, account: &AccountKey, now: UnixTime) -> (u64, Failure) {
        (self.total + 1, Failure { at: now, account: account.brief().to_owned() })
    }

    /// The failures that nothing counts any more.
    pub fn past(&self, now: UnixTime) -> impl Iterator<Item = u64> {
        self.failures.iter().filter(move |(_, failure)| failure.at + DAY <= now).map(|(number, _)| *number)
    }

    /// The failures of this account, which its success takes away.
    pub fn of<'a>(&'a self, account: &'a AccountKey) -> impl Iterator<Item = (u64, UnixTime)> {
        let own = |(_, failure): &(&u64, &Failure)| failure.account == account.brief();
        self.failures.iter().filter(own).map(|(number, failure)| (*number, failure.at))
    }

    /// How long an address is remembered.
    #[must_use]
    pub fn kept() -> Duration {
        DAY
    }
}

/// The brake over all of outside: so many unresolved failures an hour, or a day, and for an hour no password from
/// outside is tried at all.
#[derive(Clone, Copy, Debug)]
pub struct Brake {
    /// `UntrustedFailuresPerHour`.
    pub per_hour: u64,
    /// `UntrustedFailuresPerDay`.
    pub per_day: u64,
}

/// What the brake has counted. Its hour and its day begin with the first failure after the one before has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Braking {
    /// When the hour began.
    pub hour_from: UnixTime,
    /// Unresolved failures in it.
    pub in_hour: u64,
    /// When the day began.
    pub day_from: UnixTime,
    /// Unresolved failures in it.
    pub in_day: u64,
    /// Until then the brake is pulled.
    pub until: UnixTime,
}

impl Default for Braking {
    /// Nothing was ever counted.
    fn default() -> Self {
        let never = UnixTime(0);
        Self { hour_from: never, in_hour: 0, day_from: never, in_day: 0, until: never }
    }
}

impl Brake {
    /// What is counted with one more failure. The one that reaches a limit pulls the brake.
    #[must_use]
    pub fn with_one_more(self, seen: Braking, now: UnixTime) -> Braking {
        let next = |from, count, length| if now < from + length { (from, count + 1) } else { (now, 1) };
        let (hour_from, in_hour) = next(seen.hour_from, seen.in_hour, HOUR);
        let (day_from, in_day) = next(seen.day_from, seen.in_day, DAY);
        let is_over = in_hour >= self.per_hour || in_day >= self.per_day;
        let until = if is_over { now + HOUR } else { seen.until };
        Braking { hour_from, in_hour, day_from, in_day, until }
    }
}

impl Braking {
    /// How long the brake still holds. Zero: it does not.
    #[must_use]
    pub fn wait(&self, now: UnixTime) -> Duration {
        Duration::from_secs(now.seconds_until(self.until))
    }

    /// How many of these failures are counted in the hour, and how many in the day.
    #[must_use]
    pub fn holds(&self, moments: &[UnixTime]) -> (u64, u64) {
        let since = |from| moments.iter().filter(|at| **at >= from).count() as u64;
        (since(self.hour_from), since(self.day_from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::AccountName;
    use crate::keys::KeyRing;

    fn account(name: &str) -> AccountKey {
        let names: KeyRing = serde_json::from_str(r#"{"id": "1", "key": "noms"}"#).unwrap();
        AccountKey::of(&AccountName::parse(name).unwrap(), &names)
    }

    const MINUTE: i64 = 60;

    /// The failures of accounts `a0`, `a1`, … at these minutes.
    fn at(failures: impl IntoIterator<Item = (usize, i64)>) -> Unresolved {
        failures.into_iter().fold(Unresolved::default(), |mut seen, (name, minute)| {
            let (number, failure) = seen.one_more(&account(&format!("a{name}")), UnixTime(minute * MINUTE));
            seen.failures.insert(number, failure);
            Unresolved { total: number, ..seen }
        })
    }

    #[test]
    fn a_hundred_failures_close_an_address_for_a_day() {
        // Five at a time, of the same few accounts, a quarter of an hour apart.
        let hundred = at((0..100).map(|n| (n % 5, 15 * (i64::try_from(n).unwrap() / 5))));
        let now = 400 * MINUTE;
        let wait = hundred.wait(&account("a0"), UnixTime(now));
        assert_eq!(i64::try_from(wait.as_secs()).unwrap(), 24 * 3600 - now);
        let (mut fewer, name) = (hundred, account("a0"));
        let (own, _) = fewer.of(&name).next().unwrap();
        fewer.failures.remove(&own);
        assert_eq!(fewer.wait(&account("a0"), UnixTime(now)), Duration::ZERO);
    }

    #[test]
    fn what_a_day_has_passed_over_is_past() {
        let two = at([(0, 0), (1, 1)]);
        assert_eq!(two.past(UnixTime(24 * 60 * MINUTE)).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn the_brake_is_pulled_by_the_last_of_an_hour_and_counts_anew_afterwards() {
        let brake = Brake { per_hour: 3, per_day: 5 };
        let (mut seen, mut pulled) = (Braking::default(), Vec::new());
        for minute in [0, 1, 61, 62, 63, 200, 1300, 1440, 1441] {
            let now = UnixTime(1_000_000_000 + minute * MINUTE);
            seen = brake.with_one_more(seen, now);
            pulled.push(!seen.wait(now).is_zero());
        }
        // Three within an hour; then each from the fifth of the day on, until that day is over.
        assert_eq!(pulled, [false, false, false, false, true, true, true, false, false]);
    }
}
