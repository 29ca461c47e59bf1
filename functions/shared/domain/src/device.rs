//! Known devices: browsers in which a user has signed in or set their password before.
//!
//! A device cookie authenticates nobody. It only selects the attempt limit, so that a stranger's failures do not lock
//! the owner out on a device that they use.

use crate::account::AccountName;
use crate::keys::KeyRing;
use crate::secret::{DeviceKeyHash, PlainDeviceKey};
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a device stays known after its last successful sign-in.
pub const MAX_AGE: Duration = Duration::from_hours(180 * 24);

/// A known device, as the Devices table stores it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Device {
    pub account: AccountName,
    pub cookie_hash: DeviceKeyHash,
    /// The version of the credentials that the device was issued for; it is unknown to any other version.
    pub version: u64,
    /// Renewed by each successful sign-in.
    pub issued_at: UnixTime,
}

impl Device {
    #[must_use]
    pub fn new(account: AccountName, key: &PlainDeviceKey, version: u64, now: UnixTime) -> Self {
        Self { account, cookie_hash: key.hash(), version, issued_at: now }
    }

    /// Whether an account whose credentials have this version knows the device.
    #[must_use]
    pub fn is_known(&self, version: u64, now: UnixTime) -> bool {
        self.version == version && self.is_unexpired(now)
    }

    /// Whether the device is younger than [`MAX_AGE`]. Functions that may not read credentials cannot check more.
    #[must_use]
    pub fn is_unexpired(&self, now: UnixTime) -> bool {
        now < self.issued_at + MAX_AGE
    }
}

/// Suffix of the device cookie's name: 8 hexadecimal digits of an HMAC of the account name. It keeps apart the cookies
/// of colleagues who share a workstation.
#[must_use]
pub fn cookie_suffix(account: &AccountName, pseudonym_keys: &KeyRing) -> String {
    let [a, b, c, d, ..] = pseudonym_keys.current().mac(&[b"device", account.as_str().as_bytes()]);
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}
