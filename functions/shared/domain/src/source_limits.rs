//! Limits on failed sign-ins per untrusted source.
//!
//! They count *unresolved* failures: a successful sign-in removes those of the same account at the same source. So an
//! address shared by thousands of users who mistype and then succeed stays below the limits, while guesses at many
//! accounts add up.

use crate::attempt_limits::SlidingWindow;
use crate::keys::AccountPseudonym;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Unresolved failures per source.
const FAILURES: [SlidingWindow; 2] = [SlidingWindow::minutes(10, 10), SlidingWindow::hours(100, 24)];
/// Accounts with unresolved failures per source.
const ACCOUNTS: SlidingWindow = SlidingWindow::hours(20, 1);
/// How long the failures of a source are stored: the longest window.
pub const RETENTION: Duration = Duration::from_hours(24);

/// A failed sign-in that no success has resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFailure {
    pub at: UnixTime,
    /// [`AccountPseudonym::log_id`] of the account.
    pub account: String,
}

/// The unresolved failures of one source, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFailures {
    pub failures: BTreeMap<u64, SourceFailure>,
    /// The last number given. It only rises, so it also serves as the version of the item for compare-and-set.
    pub total: u64,
}

impl SourceFailures {
    /// How long until a password of this account may be tried from the source; zero if it may be now.
    #[must_use]
    pub fn retry_after(&self, account: &AccountPseudonym, now: UnixTime) -> Duration {
        let mut moments: Vec<_> = self.failures.values().map(|failure| failure.at).collect();
        moments.sort_unstable();
        let by_count = FAILURES.iter().map(|window| window.retry_after(&moments, now));
        by_count.chain([self.retry_after_for_accounts(account, now)]).max().unwrap_or_default()
    }

    fn retry_after_for_accounts(&self, account: &AccountPseudonym, now: UnixTime) -> Duration {
        let mut latest: BTreeMap<&str, UnixTime> = BTreeMap::new();
        for failure in self.failures.values() {
            let last = latest.entry(&failure.account).or_insert(failure.at);
            *last = failure.at.max(*last);
        }
        // An account that is counted already does not raise the number of accounts.
        if latest.get(account.log_id()).is_some_and(|last| now < *last + ACCOUNTS.length) {
            return Duration::ZERO;
        }
        let mut moments: Vec<_> = latest.into_values().collect();
        moments.sort_unstable();
        ACCOUNTS.retry_after(&moments, now)
    }

    /// The number and the content of the next failure.
    #[must_use]
    pub fn next_failure(&self, account: &AccountPseudonym, now: UnixTime) -> (u64, SourceFailure) {
        (self.total + 1, SourceFailure { at: now, account: account.log_id().to_owned() })
    }

    /// The numbers of the failures that have left every window.
    pub fn expired(&self, now: UnixTime) -> impl Iterator<Item = u64> {
        self.failures.iter().filter(move |(_, failure)| failure.at + RETENTION <= now).map(|(number, _)| *number)
    }

    /// The failures of this account, which a successful sign-in resolves.
    pub fn of_account<'a>(&'a self, account: &'a AccountPseudonym) -> impl Iterator<Item = (u64, UnixTime)> {
        let own = |(_, failure): &(&u64, &SourceFailure)| failure.account == account.log_id();
        self.failures.iter().filter(own).map(|(number, failure)| (*number, failure.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::AccountName;
    use crate::keys::KeyRing;

    fn account(name: &str) -> AccountPseudonym {
        let pseudonym_keys: KeyRing = serde_json::from_str(r#"{"id": "1", "key": "noms"}"#).unwrap();
        AccountPseudonym::new(&AccountName::parse(name).unwrap(), &pseudonym_keys)
    }

    const MINUTE: i64 = 60;

    /// The failures of accounts `a0`, `a1`, … at these minutes.
    fn at(failures: impl IntoIterator<Item = (usize, i64)>) -> SourceFailures {
        failures.into_iter().fold(SourceFailures::default(), |mut seen, (name, minute)| {
            let (number, failure) = seen.next_failure(&account(&format!("a{name}")), UnixTime(minute * MINUTE));
            seen.failures.insert(number, failure);
            SourceFailures { total: number, ..seen }
        })
    }

    #[test]
    fn source_rate_limit_of_100_failures_a_day() {
        // Five at a time, of the same few accounts, 15 minutes apart.
        let hundred = at((0..100).map(|n| (n % 5, 15 * (i64::try_from(n).unwrap() / 5))));
        let now = 400 * MINUTE;
        let wait = hundred.retry_after(&account("a0"), UnixTime(now));
        assert_eq!(i64::try_from(wait.as_secs()).unwrap(), 24 * 3600 - now);
        let (mut fewer, name) = (hundred, account("a0"));
        let (own, _) = fewer.of_account(&name).next().unwrap();
        fewer.failures.remove(&own);
        assert_eq!(fewer.retry_after(&account("a0"), UnixTime(now)), Duration::ZERO);
    }

    #[test]
    fn source_failures_expire_after_a_day() {
        let two = at([(0, 0), (1, 1)]);
        assert_eq!(two.expired(UnixTime(24 * 60 * MINUTE)).collect::<Vec<_>>(), [1]);
    }
}
