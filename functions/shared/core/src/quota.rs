//! Quotas: how much is done for one name or one address in an hour or a day, whoever asks.

use crate::clock::UnixTime;
use crate::throttle::Counter;
use std::time::Duration;

/// At most so many in each stretch of so long.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// How many.
    pub count: u32,
    /// In which time; the stretches follow each other from 1970-01-01 UTC on.
    pub length: Duration,
}

const fn quota(count: u32, length: Duration) -> Quota {
    Quota { count, length }
}

const TEN_MINUTES: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Requests for a mail, for each name, kind and class.
pub const MAILS_OF_A_NAME: [Quota; 2] = [quota(3, HOUR), quota(6, DAY)];
/// Requests for a mail from one address outside.
pub const MAILS_FROM_AN_ADDRESS: [Quota; 2] = [quota(60, TEN_MINUTES), quota(1000, DAY)];
/// Dead and unknown links tried from one address outside; over it no link is looked at from there.
pub const DEAD_LINKS: Quota = quota(20, TEN_MINUTES);
/// Mails with a link to one mailbox.
pub(crate) const LINKS_TO_A_MAILBOX: Quota = quota(6, DAY);
/// Those of them that were asked for from outside: a stranger, or thousands of them, never take two of a day from who
/// asks where they are known.
pub(crate) const LINKS_TO_A_MAILBOX_FROM_OUTSIDE: Quota = quota(4, DAY);
/// Look-ups of accounts from one address.
pub const SEARCHES: [Quota; 2] = [quota(60, Duration::from_mins(1)), quota(5000, DAY)];

/// Mails an hour over all.
#[derive(Clone, Copy, Debug)]
pub struct MailBrake(pub u32);

impl MailBrake {
    /// For notices, and for what is asked for where one is known: all of it.
    #[must_use]
    pub fn known(self) -> Quota {
        quota(self.0, HOUR)
    }

    /// For what is asked for from outside: all but a fifth. It spends of the same count, so that a flood from outside
    /// leaves that fifth to the others.
    #[must_use]
    pub fn outside(self) -> Quota {
        quota(self.0 - self.0 / 5, HOUR)
    }
}

/// What is spent of one quota: the name of its counter, which begins with the function's own prefix.
#[derive(Clone, Debug)]
pub struct Spending {
    pub(crate) counter: Counter,
    pub(crate) count: u32,
    pub(crate) ends_at: UnixTime,
}

impl Quota {
    /// The stretch of this quota that runs now, for what `subject` (a prefix and keyed hashes) names.
    #[must_use]
    pub fn spending(&self, subject: &str, now: UnixTime) -> Spending {
        let length = i64::try_from(self.length.as_secs()).unwrap_or(i64::MAX);
        let stretch = now.0.div_euclid(length);
        Spending {
            counter: Counter::of_quota(format!("{subject}#{length}#{stretch}")),
            count: self.count,
            ends_at: UnixTime((stretch + 1) * length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_mails_is_not_for_outside() {
        let shares = |brake| (MailBrake(brake).outside().count, MailBrake(brake).known().count);
        assert_eq!((shares(10), shares(1000), shares(1)), ((8, 10), (800, 1000), (1, 1)));
    }

    #[test]
    fn both_sides_spend_of_the_same_count() {
        let counter = |quota: Quota| quota.spending("mailer#x", UnixTime(0)).counter;
        assert_eq!(counter(MailBrake(10).known()), counter(MailBrake(10).outside()));
    }

    #[test]
    fn stretches_follow_each_other() {
        let one = MAILS_OF_A_NAME[0].spending("register#x", UnixTime(3 * 3600 - 1));
        let next = MAILS_OF_A_NAME[0].spending("register#x", UnixTime(3 * 3600));
        assert_eq!((one.counter.as_str(), one.ends_at), ("register#x#3600#2", UnixTime(3 * 3600)));
        assert_eq!((next.counter.as_str(), next.ends_at), ("register#x#3600#3", UnixTime(4 * 3600)));
    }
}
