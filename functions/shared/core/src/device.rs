//! Known devices: a browser in which somebody has signed in, or set their password, before.
//!
//! A device's cookie authenticates nobody. It only chooses the budget, so that a stranger's guesses do not lock the
//! owner out where they always sign in.

use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::keys::KeyRing;
use crate::secret::{DeviceKeyHash, PlainDeviceKey};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a device is known after its last success.
pub const LIFETIME: Duration = Duration::from_hours(180 * 24);

/// A known device, as the Devices table keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Device {
    /// Whose.
    pub account: AccountName,
    /// Which.
    pub cookie_hash: DeviceKeyHash,
    /// The credentials' version that it is known for; another version's devices are strangers.
    pub version: u64,
    /// When it was issued, or renewed by a success.
    pub issued_at: UnixTime,
}

impl Device {
    /// The device with this secret, known from now on.
    #[must_use]
    pub fn known(account: AccountName, key: &PlainDeviceKey, version: u64, now: UnixTime) -> Self {
        Self { account, cookie_hash: key.hash(), version, issued_at: now }
    }

    /// Whether the device is known to an account whose credentials are of this version.
    #[must_use]
    pub fn is_known(&self, version: u64, now: UnixTime) -> bool {
        self.version == version && self.is_young(now)
    }

    /// Whether its time is not over. All that can be asked at the door, which may not read credentials.
    #[must_use]
    pub fn is_young(&self, now: UnixTime) -> bool {
        now < self.issued_at + LIFETIME
    }
}

/// What tells the cookies of colleagues on a shared workstation apart: 8 hexadecimal digits of a keyed hash.
#[must_use]
pub fn tag(account: &AccountName, names: &KeyRing) -> String {
    let [a, b, c, d, ..] = names.current().mac(&[b"device", account.as_str().as_bytes()]);
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}
