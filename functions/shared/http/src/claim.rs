//! An account that somebody claims to be theirs, by a password or a link.

use crate::{ApiError, Caller, Response};
use guichet_core::account::AccountName;
use guichet_core::class::Class;
use guichet_core::device::{self, Device};
use guichet_core::keys::{AccountKey, KeyRing, Keys};
use guichet_core::password::{Hasher, Password, StoredHash};
use guichet_core::secret::PlainDeviceKey;
use guichet_core::store::attempts::{Attempt, Attempted, Attempts, Counted};
use guichet_core::store::credentials::Credential;
use guichet_core::store::password_change::Change;
use guichet_core::{chance, rehearsal};
use lambda_http::tracing;

/// The account that is claimed, by whom and on which device, in the forms in which these may be kept and told.
pub struct Claim<'a> {
    /// The account's keyed hash.
    pub key: AccountKey,
    /// Who claims it.
    pub caller: &'a Caller,
    account: AccountName,
    /// What the cookie of the account's device is named by.
    tag: String,
    address_key: String,
}

/// A password that was tried.
#[must_use]
pub struct Guess {
    /// Whether it is the account's.
    pub right: bool,
    /// The attempt, and the account's credentials.
    pub counted: Box<Counted>,
    /// What it was verified with.
    pub hasher: Hasher,
    /// The password.
    pub password: Password,
    /// The hash that it was compared with.
    pub stored: Option<StoredHash>,
}

impl<'a> Claim<'a> {
    /// By this caller; `names` are the keys for names.
    #[must_use]
    pub fn of(caller: &'a Caller, account: AccountName, names: &KeyRing) -> Self {
        Self {
            key: AccountKey::of(&account, names),
            address_key: caller.whereabouts.key(names),
            tag: device::tag(&account, names),
            caller,
            account,
        }
    }

    /// Tries what was typed as the account's password: counted first, then verified at the same cost for every account.
    pub async fn guess(&self, attempts: &Attempts, keys: &Keys, typed: &str) -> Result<Guess, ApiError> {
        let now = self.caller.now;
        // Without the peppers nothing can be tried, so nothing is counted either.
        keys.hasher(now).await?;
        let counted = self.count(attempts).await?;
        rehearsal::point("login.after_reserve", self.key.as_str());
        let stored = counted.credential.as_ref().and_then(Credential::hash);
        let hasher = keys.hasher_for(stored.as_ref(), now).await?;
        let password = Password::typed(typed);
        let right = hasher.verify(&password, stored.as_ref())?;
        rehearsal::point("login.after_verify", self.key.as_str());
        Ok(Guess { right, counted, hasher, password, stored })
    }

    /// Refuses where the budget is spent.
    async fn count(&self, attempts: &Attempts) -> Result<Box<Counted>, ApiError> {
        let device = self.caller.device_key(&self.tag).map(|device| device.hash());
        let attempted = Attempted {
            account: &self.account,
            account_key: &self.key,
            network: self.caller.network,
            address_key: &self.address_key,
            device: device.as_ref(),
            now: self.caller.now,
        };
        match attempts.count(&attempted).await? {
            Attempt::Counted(counted) => Ok(counted),
            Attempt::Refused(class, wait) => {
                tracing::info!(account.key = self.key.brief(), client.class = class.letter(), "budget spent");
                Err(ApiError::TooManyAttempts(wait))
            }
        }
    }

    /// The device that is known after a success that was counted on this class: one that was known keeps its secret, any
    /// other gets one.
    #[must_use]
    pub fn device_after(&self, class: Class) -> PlainDeviceKey {
        let known = self.caller.device_key(&self.tag).filter(|_| class == Class::D);
        known.unwrap_or_else(|| PlainDeviceKey::from_random(chance::bytes()))
    }

    /// A change of the account's password, of this version, after which this device alone is known.
    #[must_use]
    pub fn change(&'a self, version: u64, hash: &'a StoredHash, device: &PlainDeviceKey) -> Change<'a> {
        Change {
            account: &self.account,
            account_key: &self.key,
            version,
            hash,
            now: self.caller.now,
            origin: self.caller.origin(),
            device: Device::known(self.account.clone(), device, version + 1, self.caller.now),
        }
    }

    /// Tells the client that it is known from now on, as this device.
    #[must_use]
    pub fn make_known(&self, response: Response, device: &PlainDeviceKey) -> Response {
        self.caller.make_known(response, &self.tag, device)
    }
}
