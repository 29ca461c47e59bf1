//! The only access to the system's time.

use crate::failpoint;
use guichet_domain::time::UnixTime;
use std::time::{Duration, SystemTime};

#[must_use]
pub fn now() -> UnixTime {
    UnixTime(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn now_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the entry point")]
    let now = SystemTime::now();
    // A clock before 1970 reads as 1970: nothing has expired, and AWS rejects the signatures.
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let offset = failpoint::clock_offset();
    let moved = Duration::from_secs(offset.unsigned_abs());
    if offset < 0 { now.saturating_sub(moved) } else { now.saturating_add(moved) }
}
