//! Password attempts, counted before they are verified: lockout, source limits, and the circuit breaker.

use crate::credentials::{Credential, Credentials, keys as credential_keys};
use crate::devices::{Devices, keys as device_keys};
use crate::table::{StoreError, Table, batch_get, from_item};
use crate::throttles::{ByCounter, Counts, Reservation, ReservationRequest, Throttles, keys as counter_keys};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use guichet_domain::account::AccountName;
use guichet_domain::attempt_limits::{AttemptHistory, AttemptLimits};
use guichet_domain::circuit_breaker::{BreakerState, CircuitBreaker};
use guichet_domain::client::ClientClass;
use guichet_domain::counter::Counter;
use guichet_domain::device::Device;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::secret::DeviceKeyHash;
use guichet_domain::source_limits::SourceFailures;
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use guichet_platform::settings;
use std::time::Duration;

/// The tables and settings that limit password attempts.
pub struct LoginAttempts {
    pub credentials: Credentials,
    pub devices: Devices,
    throttles: Throttles,
    min_password_length: usize,
    breaker: CircuitBreaker,
}

/// Who attempts to authenticate, and from where.
pub struct AttemptContext<'a> {
    pub account: &'a AccountName,
    pub account_key: &'a AccountPseudonym,
    /// Derived from the client's address: `ManagedNetwork` or `Untrusted`.
    pub address_class: ClientClass,
    /// Pseudonym of the client's source.
    pub source_key: &'a str,
    /// The device that the client claims to be.
    pub device: Option<&'a DeviceKeyHash>,
    pub now: UnixTime,
}

/// Whether a password may be verified.
#[must_use]
pub enum Admission {
    /// It may, and counts as a failure until it succeeds.
    Reserved(Box<ReservedAttempt>),
    /// A limit is reached. Retry after this time.
    Refused(ClientClass, Duration),
}

pub struct ReservedAttempt {
    /// `None` if the account does not exist.
    pub credential: Option<Credential>,
    /// The class whose limits were charged.
    pub class: ClientClass,
    counter: Counter,
    history: AttemptHistory,
    untrusted: Option<UntrustedReservation>,
}

/// The counters that an untrusted attempt charged besides the account's.
struct UntrustedReservation {
    source: Counter,
    /// Number and time of this account's failures at the source, the reserved one included.
    failures: Vec<(u64, UnixTime)>,
    breaker: BreakerState,
}

/// What is read before an attempt is reserved.
struct AttemptState {
    credential: Option<Credential>,
    class: ClientClass,
    counter: Counter,
    counts: Counts,
    breaker: BreakerState,
}

impl LoginAttempts {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            credentials: Credentials::from_env(client)?,
            devices: Devices::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            min_password_length: settings::min_password_length()?,
            breaker: settings::circuit_breaker()?,
        })
    }

    /// Counts an attempt on the account's limits for the client's class and, for an untrusted client, on those of its
    /// source and on the circuit breaker. It makes one consistent batch read and one round of conditional writes, for
    /// known and unknown accounts alike.
    pub async fn reserve(&self, context: &AttemptContext<'_>) -> Result<Admission, StoreError> {
        let AttemptState { credential, class, counter, counts, breaker } = self.read(context).await?;
        let AttemptContext { account_key, source_key, now, .. } = *context;
        let is_untrusted = class == ClientClass::Untrusted;
        let source = is_untrusted.then(|| Counter::source_login_failures(source_key));
        let limits = AttemptLimits::for_sign_in(class, self.min_password_length);
        let request = ReservationRequest { counter, limits, account_key, source, now };
        let wait = request.retry_after(&counts).max(breaker.retry_after(now));
        if !wait.is_zero() {
            return Ok(Admission::Refused(class, wait));
        }
        let charge_breaker = async {
            if is_untrusted {
                self.throttles.record_breaker_failure(self.breaker, breaker, now).await
            } else {
                Ok(Reservation::Granted(breaker))
            }
        };
        let (reserved, charged) = tokio::join!(self.throttles.reserve(&request, counts), charge_breaker);
        Ok(match (reserved?, charged?) {
            (Reservation::Granted(Counts { history, source: failures }), Reservation::Granted(breaker)) => {
                let ReservationRequest { counter, source, .. } = request;
                let failures = failures.of_account(account_key).collect();
                let untrusted = source.map(|source| UntrustedReservation { source, failures, breaker });
                Admission::Reserved(Box::new(ReservedAttempt { credential, class, counter, history, untrusted }))
            }
            // The breaker opened meanwhile, or its counter was contended. The reservation stays: at worst one failure
            // too many is counted.
            (_, Reservation::Refused(wait)) => Admission::Refused(class, wait),
            (Reservation::Refused(wait), Reservation::Granted(breaker)) => {
                if is_untrusted {
                    self.throttles.refund_breaker(&breaker, &[now]).await?;
                }
                Admission::Refused(class, wait)
            }
        })
    }

    async fn read(&self, context: &AttemptContext<'_>) -> Result<AttemptState, StoreError> {
        let AttemptContext { account, account_key, address_class, source_key, device, now } = *context;
        let by_address_class = Counter::login_failures(account_key, address_class);
        let by_device = device.map(|device| Counter::device_login_failures(account_key, device));
        let (source, breaker) = (Counter::source_login_failures(source_key), Counter::circuit_breaker());
        let counters: Vec<_> = [Some(&by_address_class), by_device.as_ref(), Some(&source), Some(&breaker)]
            .into_iter()
            .flatten()
            .collect();

        let mut keys =
            vec![(&self.credentials.0, credential_keys(account, None)?), (&self.throttles.0, counter_keys(&counters)?)];
        if let Some(device) = device {
            keys.push((&self.devices.0, device_keys(account, device)?));
        }
        let mut items = batch_get(&self.credentials.0.client, keys, "read the state of an attempt").await?;
        let mut take = |table: &Table| items.remove(&table.name).unwrap_or_default();
        let credential: Option<Credential> = take(&self.credentials.0).pop().map(from_item).transpose()?;
        let device: Option<Device> = take(&self.devices.0).pop().map(from_item).transpose()?;
        let found = ByCounter::new(take(&self.throttles.0))?;

        let version = credential.as_ref().map(|credential| credential.profile.status.version);
        let is_known = device.zip(version).is_some_and(|(device, version)| device.is_known(version, now));
        let device_limits = AttemptLimits::for_sign_in(ClientClass::KnownDevice, self.min_password_length);
        let (class, counter) = match by_device {
            // A locked device is treated as unknown.
            Some(counter) if is_known && !device_limits.is_locked(&found.get(&counter)?) => {
                (ClientClass::KnownDevice, counter)
            }
            _ => (address_class, by_address_class),
        };
        let is_untrusted = class == ClientClass::Untrusted;
        let counts = Counts {
            history: found.get(&counter)?,
            source: if is_untrusted { found.get(&source)? } else { SourceFailures::default() },
        };
        let breaker = if is_untrusted { found.get(&breaker)? } else { BreakerState::default() };
        Ok(AttemptState { credential, class, counter, counts, breaker })
    }

    /// After a success from an untrusted source: removes the account's failures there, also from the circuit breaker.
    pub async fn resolve_failures(&self, attempt: &ReservedAttempt) -> Result<(), StoreError> {
        let Some(UntrustedReservation { source, failures, breaker }) = &attempt.untrusted else { return Ok(()) };
        let (numbers, moments): (Vec<_>, Vec<_>) = failures.iter().copied().unzip();
        tokio::try_join!(
            self.throttles.remove_source_failures(source, &numbers),
            self.throttles.refund_breaker(breaker, &moments)
        )
        .map(drop)
    }

    /// Transaction item: clears the account's failures after a success.
    pub(crate) fn refund(&self, attempt: &ReservedAttempt) -> Result<TransactWriteItem, StoreError> {
        match attempt.class {
            ClientClass::ManagedNetwork => self.throttles.clear_failures(&attempt.counter, &attempt.history),
            ClientClass::KnownDevice | ClientClass::Untrusted => self.throttles.delete(&attempt.counter),
        }
    }
}
