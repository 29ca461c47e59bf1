//! The only door to the system's time.

use crate::rehearsal;
use serde::{Deserialize, Serialize};
use std::ops::Add;
use std::time::{Duration, SystemTime};

/// A moment in whole seconds since 1970-01-01 UTC, as the tables keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// RFC 3339 in UTC, such as `2026-11-25T09:14:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::MAX).to_string()
    }

    /// Seconds from this moment to a later one; 0 where the other is not later.
    #[must_use]
    pub fn seconds_until(self, later: Self) -> u64 {
        u64::try_from(later.0 - self.0).unwrap_or(0)
    }
}

impl Add<Duration> for UnixTime {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(duration.as_secs()))
    }
}

/// The time now.
#[must_use]
pub fn now() -> UnixTime {
    UnixTime(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
}

/// The time now in milliseconds since 1970-01-01 UTC: the order of events within a second.
#[must_use]
pub(crate) fn now_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    let now = SystemTime::now();
    // A clock before 1970 reads as 1970: everything that expires has not yet, and signatures fail at once.
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let offset = rehearsal::clock_offset();
    let moved = Duration::from_secs(offset.unsigned_abs());
    if offset < 0 { now.saturating_sub(moved) } else { now.saturating_add(moved) }
}
