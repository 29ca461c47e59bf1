//! Rate limits in fixed windows: how often something may happen for one account, source, or mailbox.
//!
//! A fixed window needs a single write and no read. Around a boundary it can admit up to twice its maximum, which is
//! acceptable for these limits.

use crate::counter::Counter;
use crate::time::UnixTime;
use std::time::Duration;

/// At most `max_events` in each fixed window of this length. Windows are aligned to 1970-01-01 UTC.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    pub max_events: u32,
    pub window: Duration,
}

const fn limit(max_events: u32, window: Duration) -> RateLimit {
    RateLimit { max_events, window }
}

const TEN_MINUTES: Duration = Duration::from_mins(10);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Requests for mail per account name, kind, and queue.
pub const REQUESTS_PER_ACCOUNT: [RateLimit; 2] = [limit(3, HOUR), limit(6, DAY)];
/// Requests for mail per kind and untrusted source.
pub const REQUESTS_PER_SOURCE: [RateLimit; 2] = [limit(60, TEN_MINUTES), limit(1000, DAY)];
/// Used, expired, and unknown links per untrusted source. Beyond it, every link from that source is refused.
pub const INVALID_TOKENS_PER_SOURCE: RateLimit = limit(20, TEN_MINUTES);
/// Mailed links per mailbox.
pub(crate) const LINKS_PER_MAILBOX: RateLimit = limit(6, DAY);
/// Mailed links per mailbox that untrusted clients requested. The rest of the mailbox's limit is reserved for trusted
/// clients.
pub(crate) const UNTRUSTED_LINKS_PER_MAILBOX: RateLimit = limit(4, DAY);
/// Account searches per source.
pub const SEARCHES_PER_SOURCE: [RateLimit; 2] = [limit(60, Duration::from_mins(1)), limit(5000, DAY)];

/// `EmailsPerHour`: the limit on all mail.
#[derive(Clone, Copy, Debug)]
pub struct EmailRateLimit(pub u32);

impl EmailRateLimit {
    /// For the trusted queue: all of the limit.
    #[must_use]
    pub fn trusted(self) -> RateLimit {
        limit(self.0, HOUR)
    }

    /// For the untrusted queue: 80 % of the limit. Both queues charge the same counter, so a flood of untrusted
    /// requests leaves 20 % to the trusted queue.
    #[must_use]
    pub fn untrusted(self) -> RateLimit {
        limit(self.0 - self.0 / 5, HOUR)
    }
}

/// One event on the counter of a rate limit.
#[derive(Clone, Debug)]
pub struct Charge {
    pub counter: Counter,
    pub max_events: u32,
    /// End of the window.
    pub resets_at: UnixTime,
}

impl RateLimit {
    /// Builds a charge in the current window; `Throttles::charge` of the store applies it. `subject` is what the limit
    /// applies to: a function's prefix and pseudonyms.
    #[must_use]
    pub fn new_charge(&self, subject: &str, now: UnixTime) -> Charge {
        let length = i64::try_from(self.window.as_secs()).unwrap_or(i64::MAX);
        let window = now.0.div_euclid(length);
        Charge {
            counter: Counter::new(format!("{subject}#{length}#{window}")),
            max_events: self.max_events,
            resets_at: UnixTime((window + 1) * length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_rate_limit_reserves_a_fifth_for_trusted_clients() {
        let shares = |limit| (EmailRateLimit(limit).untrusted().max_events, EmailRateLimit(limit).trusted().max_events);
        assert_eq!((shares(10), shares(1000), shares(1)), ((8, 10), (800, 1000), (1, 1)));
    }

    #[test]
    fn email_rate_limit_of_both_queues_charges_one_counter() {
        let counter = |limit: RateLimit| limit.new_charge("mailer#x", UnixTime(0)).counter;
        assert_eq!(counter(EmailRateLimit(10).trusted()), counter(EmailRateLimit(10).untrusted()));
    }

    #[test]
    fn rate_limit_windows_are_contiguous() {
        let one = REQUESTS_PER_ACCOUNT[0].new_charge("register#x", UnixTime(3 * 3600 - 1));
        let next = REQUESTS_PER_ACCOUNT[0].new_charge("register#x", UnixTime(3 * 3600));
        assert_eq!((one.counter.as_str(), one.resets_at), ("register#x#3600#2", UnixTime(3 * 3600)));
        assert_eq!((next.counter.as_str(), next.resets_at), ("register#x#3600#3", UnixTime(4 * 3600)));
    }
}
