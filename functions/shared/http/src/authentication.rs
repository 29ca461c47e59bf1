//! Authentication of an account by password, under its limits, and the changes that an authenticated client makes.

use crate::{ApiError, Caller, Response};
use guichet_domain::account::AccountName;
use guichet_domain::client::ClientClass;
use guichet_domain::device::{self, Device};
use guichet_domain::keys::{AccountPseudonym, KeyRing};
use guichet_domain::mail_request::RequestKind;
use guichet_domain::password::{Hasher, Password, StoredHash};
use guichet_domain::secret::{DeviceKeyHash, PlainDeviceKey};
use guichet_platform::failpoint::fail_point;
use guichet_platform::random;
use guichet_platform::secrets::PasswordKeys;
use guichet_store::credentials::Credential;
use guichet_store::link_requests::LinkRequest;
use guichet_store::login_attempts::{Admission, AttemptContext, LoginAttempts, ReservedAttempt};
use guichet_store::password_update::PasswordUpdate;
use lambda_http::tracing;
use secrecy::SecretString;

/// A client that claims to own an account, with the pseudonyms to store and log.
pub struct Authentication<'a> {
    pub account_key: AccountPseudonym,
    pub caller: &'a Caller,
    account: AccountName,
    cookie_suffix: String,
    source_key: String,
}

/// The result of verifying a password.
#[must_use]
pub struct PasswordCheck {
    pub matches: bool,
    pub attempt: Box<ReservedAttempt>,
    /// For a rehash after a match.
    pub hasher: Hasher,
    pub password: Password,
    /// The hash that it was compared with; `None` for an unknown account or one without a password.
    pub stored: Option<StoredHash>,
}

impl<'a> Authentication<'a> {
    #[must_use]
    pub fn new(caller: &'a Caller, account: AccountName, pseudonym_keys: &KeyRing) -> Self {
        Self {
            account_key: AccountPseudonym::new(&account, pseudonym_keys),
            source_key: caller.source.pseudonym(pseudonym_keys),
            cookie_suffix: device::cookie_suffix(&account, pseudonym_keys),
            caller,
            account,
        }
    }

    /// Verifies a password. The attempt is reserved first; then the password is hashed, at the same cost for every
    /// account.
    pub async fn check_password(
        &self,
        attempts: &LoginAttempts,
        keys: &PasswordKeys,
        input: &SecretString,
    ) -> Result<PasswordCheck, ApiError> {
        let now = self.caller.now;
        // An unavailable pepper must not cost the user an attempt.
        keys.hasher(now).await?;
        let attempt = self.reserve(attempts).await?;
        fail_point("login.after_reserve", self.account_key.as_str());
        let stored = attempt.credential.as_ref().and_then(Credential::hash);
        let hasher = keys.hasher_for(stored.as_ref(), now).await?;
        let password = Password::from_input(input);
        let matches = hasher.verify(&password, stored.as_ref())?;
        fail_point("login.after_verify", self.account_key.as_str());
        Ok(PasswordCheck { matches, attempt, hasher, password, stored })
    }

    async fn reserve(&self, attempts: &LoginAttempts) -> Result<Box<ReservedAttempt>, ApiError> {
        let device = self.device_hash();
        let context = AttemptContext {
            account: &self.account,
            account_key: &self.account_key,
            address_class: self.caller.address_class,
            source_key: &self.source_key,
            device: device.as_ref(),
            now: self.caller.now,
        };
        match attempts.reserve(&context).await? {
            Admission::Reserved(attempt) => Ok(attempt),
            Admission::Refused(class, wait) => {
                tracing::info!(
                    account.key = self.account_key.log_id(),
                    client.class = class.code(),
                    retry_after = wait.as_secs(),
                    "sign-in rate limited"
                );
                Err(ApiError::TooManyAttempts(wait))
            }
        }
    }

    fn device_hash(&self) -> Option<DeviceKeyHash> {
        self.caller.device_key(&self.cookie_suffix).map(|device| device.hash())
    }

    /// The key of the device after a success in this class: a known device keeps its key, any other gets a new one.
    #[must_use]
    pub fn renewed_device_key(&self, class: ClientClass) -> PlainDeviceKey {
        let known = self.caller.device_key(&self.cookie_suffix).filter(|_| class == ClientClass::KnownDevice);
        known.unwrap_or_else(|| PlainDeviceKey::from_random(random::bytes()))
    }

    /// The update of the account's password at this version, after which this device is the only known one.
    #[must_use]
    pub fn password_update(
        &'a self,
        version: u64,
        hash: &'a StoredHash,
        device: &PlainDeviceKey,
    ) -> PasswordUpdate<'a> {
        PasswordUpdate {
            account: &self.account,
            account_key: &self.account_key,
            version,
            hash,
            now: self.caller.now,
            client: self.caller.client_info(),
            device: Device::new(self.account.clone(), device, version + 1, self.caller.now),
        }
    }

    #[must_use]
    pub fn set_device_cookie(&self, response: Response, device: &PlainDeviceKey) -> Response {
        self.caller.set_device_cookie(response, &self.cookie_suffix, device)
    }

    /// The client's request for a link, which needs no authentication.
    #[must_use]
    pub fn link_request(self, kind: RequestKind) -> LinkRequest {
        LinkRequest {
            kind,
            device: self.device_hash(),
            account: self.account,
            account_key: self.account_key,
            source_key: self.source_key,
            client: self.caller.client_info(),
            now: self.caller.now,
        }
    }
}
