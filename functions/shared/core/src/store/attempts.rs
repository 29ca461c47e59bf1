//! Guessing an account's password, counted before it is tried.

use super::credentials::{Credential, Credentials, keys as credential_keys};
use super::devices::{Devices, keys as device_keys};
use super::throttles::{ByCounter, Counts, Reservation, Reserving, Throttles, keys as counter_keys};
use super::{StoreError, Table, read, read_at_once};
use crate::account::AccountName;
use crate::class::Class;
use crate::clock::UnixTime;
use crate::config::{self, ConfigError};
use crate::device::Device;
use crate::keys::AccountKey;
use crate::outside::{Brake, Braking, Unresolved};
use crate::secret::DeviceKeyHash;
use crate::throttle::{Budget, Counter, Tries};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use std::time::Duration;

/// The tables of an attempt to guess a password.
pub struct Attempts {
    /// The hash, and the version that devices are known for.
    pub credentials: Credentials,
    /// The devices that accounts know.
    pub devices: Devices,
    /// The counters.
    pub throttles: Throttles,
    min_length: usize,
    brake: Brake,
}

/// Who attempts what, and from where.
pub struct Attempted<'a> {
    /// The account, whether anybody bears it or not.
    pub account: &'a AccountName,
    /// Its keyed hash.
    pub account_key: &'a AccountKey,
    /// The class that the client's address tells: M or U.
    pub network: Class,
    /// The keyed hash of the client's address.
    pub address_key: &'a str,
    /// The device that the client claims to be.
    pub device: Option<&'a DeviceKeyHash>,
    /// When.
    pub now: UnixTime,
}

/// Whether a password may be tried.
#[must_use]
pub enum Attempt {
    /// It may, and is counted.
    Counted(Box<Counted>),
    /// It may not, for so long.
    Refused(Class, Duration),
}

/// An attempt that was counted.
pub struct Counted {
    /// The account's credentials, if anybody bears it.
    pub credential: Option<Credential>,
    /// The class whose budget it was counted on.
    pub class: Class,
    counter: Counter,
    left: Tries,
    outside: Option<Outside>,
}

/// What an attempt from outside was counted on besides.
struct Outside {
    address: Counter,
    /// This account's failures there, this one included: their numbers, and when.
    own: Vec<(u64, UnixTime)>,
    braking: Braking,
}

/// What is known before an attempt is counted.
struct Known {
    credential: Option<Credential>,
    class: Class,
    counter: Counter,
    counts: Counts,
    braking: Braking,
}

impl Attempts {
    /// As the template's variables say.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            credentials: Credentials::from_env(client)?,
            devices: Devices::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            min_length: config::password_policy()?.min_length,
            brake: config::brake()?,
        })
    }

    /// Counts an attempt before it is made: on the account's budget for the client's class and, from outside, on that
    /// of the address and on the brake. One consistent batch read and one round of conditional writes, the same for
    /// known and unknown accounts.
    pub async fn count(&self, attempted: &Attempted<'_>) -> Result<Attempt, StoreError> {
        let Known { credential, class, counter, counts, braking } = self.read(attempted).await?;
        let Attempted { account_key, address_key, now, .. } = *attempted;
        let address = (class == Class::U).then(|| Counter::address(address_key));
        let budget = Budget::of_sign_in(class, self.min_length);
        let reserving = Reserving { counter, budget, account_key, address, now };
        let wait = reserving.wait(&counts).max(braking.wait(now));
        if !wait.is_zero() {
            return Ok(Attempt::Refused(class, wait));
        }
        let count_on_brake = async {
            if class == Class::U { self.throttles.brake(self.brake, braking, now).await } else { Ok(Ok(braking)) }
        };
        let (reserved, braked) = tokio::join!(self.throttles.reserve(&reserving, counts), count_on_brake);
        Ok(match (reserved?, braked?) {
            (Reservation::Granted(Counts { tries: left, unresolved }), Ok(braking)) => {
                let Reserving { counter, address, .. } = reserving;
                let own = unresolved.of(account_key).collect();
                let outside = address.map(|address| Outside { address, own, braking });
                Attempt::Counted(Box::new(Counted { credential, class, counter, left, outside }))
            }
            // The brake was pulled just now. What is reserved stays so: at worst, one failure too many is counted.
            (_, Err(wait)) => Attempt::Refused(class, wait),
            (Reservation::Refused(wait), Ok(braking)) => {
                if class == Class::U {
                    self.throttles.release(&braking, &[now]).await?;
                }
                Attempt::Refused(class, wait)
            }
        })
    }

    async fn read(&self, attempted: &Attempted<'_>) -> Result<Known, StoreError> {
        let Attempted { account, account_key, network, address_key, device, now } = *attempted;
        let by_network = Counter::sign_in(account_key, network);
        let by_device = device.map(|device| Counter::sign_in_on(account_key, device));
        let address = Counter::address(address_key);
        let brake = Counter::brake();
        let counters: Vec<_> =
            [Some(&by_network), by_device.as_ref(), Some(&address), Some(&brake)].into_iter().flatten().collect();

        let mut keys =
            vec![(&self.credentials.0, credential_keys(account, None)?), (&self.throttles.0, counter_keys(&counters)?)];
        if let Some(device) = device {
            keys.push((&self.devices.0, device_keys(account, device)?));
        }
        let mut items = read_at_once(&self.credentials.0.client, keys, "read what an attempt needs").await?;
        let mut take = |table: &Table| items.remove(&table.name).unwrap_or_default();
        let credential: Option<Credential> = take(&self.credentials.0).pop().map(read).transpose()?;
        let known: Option<Device> = take(&self.devices.0).pop().map(read).transpose()?;
        let found = ByCounter::of(take(&self.throttles.0))?;

        let version = credential.as_ref().map(|credential| credential.holder.standing.version);
        let is_known = known.zip(version).is_some_and(|(device, version)| device.is_known(version, now));
        let on_device = Budget::of_sign_in(Class::D, self.min_length);
        let (class, counter) = match by_device {
            // A device whose long budget is spent is a stranger from then on.
            Some(counter) if is_known && !on_device.is_spent_for_good(&found.get(&counter)?) => (Class::D, counter),
            _ => (network, by_network),
        };
        let outside = class == Class::U;
        let counts = Counts {
            tries: found.get(&counter)?,
            unresolved: if outside { found.get(&address)? } else { Unresolved::default() },
        };
        let braking = if outside { found.get(&brake)? } else { Braking::default() };
        Ok(Known { credential, class, counter, counts, braking })
    }

    /// After a success from outside: what the account failed at this address counts no more, there and on the brake.
    pub async fn resolve(&self, counted: &Counted) -> Result<(), StoreError> {
        let Some(Outside { address, own, braking }) = &counted.outside else { return Ok(()) };
        let (numbers, moments): (Vec<_>, Vec<_>) = own.iter().copied().unzip();
        tokio::try_join!(self.throttles.take_away(address, &numbers), self.throttles.release(braking, &moments))
            .map(drop)
    }

    /// In a transaction: what a success gives back of the account's budget.
    pub(super) fn give_back(&self, counted: &Counted) -> Result<TransactWriteItem, StoreError> {
        match counted.class {
            Class::M => self.throttles.forgive(&counted.counter, &counted.left),
            Class::D | Class::U => self.throttles.clear(&counted.counter),
        }
    }
}
