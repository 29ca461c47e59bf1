//! The limits that an account has reached.

use super::DeskStore;
use guichet_domain::attempt_limits::{AttemptHistory, AttemptLimits};
use guichet_domain::circuit_breaker::BreakerState;
use guichet_domain::client::ClientClass;
use guichet_domain::counter::Counter;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::mail_request::{Queue, RequestKind, account_charges, mailbox_charges};
use guichet_domain::rate_limit::Charge;
use guichet_domain::secret::DeviceKeyHash;
use guichet_domain::time::UnixTime;
use guichet_store::throttles::{ByCounter, keys as counter_keys};
use guichet_store::{MAX_BATCH_GET, StoreError};
use serde::Deserialize;
use std::time::Duration;

/// A limit that is reached, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActiveLimit {
    /// Lockout of the account for a class of client.
    SignIn(ClientClass, Duration),
    /// Requests for mail by a class of client.
    Requests(ClientClass, Duration),
    /// The circuit breaker for all untrusted clients.
    CircuitBreaker(Duration),
}

impl ActiveLimit {
    pub(crate) fn retry_after(&self) -> Duration {
        let (Self::SignIn(_, wait) | Self::Requests(_, wait) | Self::CircuitBreaker(wait)) = self;
        *wait
    }
}

/// The counters of an account.
pub(crate) struct AccountCounters {
    sign_in: Vec<(ClientClass, Counter)>,
    requests: Vec<(ClientClass, Charge)>,
    mailbox: Vec<Charge>,
}

impl AccountCounters {
    pub(crate) fn new(
        key: &AccountPseudonym,
        devices: &[DeviceKeyHash],
        mailbox: Option<&EmailAddress>,
        now: UnixTime,
    ) -> Self {
        let networks = [ClientClass::ManagedNetwork, ClientClass::Untrusted];
        let by_network = networks.map(|class| (class, Counter::login_failures(key, class)));
        let by_device =
            devices.iter().map(|device| (ClientClass::KnownDevice, Counter::device_login_failures(key, device)));
        let requests = [RequestKind::Register, RequestKind::RequestReset].into_iter().flat_map(|kind| {
            networks.into_iter().flat_map(move |class| account_charges(kind, key, class, now).map(|it| (class, it)))
        });
        Self {
            sign_in: by_network.into_iter().chain(by_device).collect(),
            requests: requests.collect(),
            mailbox: mailbox.map(|to| mailbox_charges(to, Queue::Untrusted, now)).unwrap_or_default(),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Counter> {
        let charges = self.requests.iter().map(|(_, charge)| charge).chain(&self.mailbox);
        self.sign_in.iter().map(|(_, counter)| counter.clone()).chain(charges.map(|charge| charge.counter.clone()))
    }
}

impl DeskStore {
    pub(crate) async fn active_limits(
        &self,
        counters: &AccountCounters,
        min_password_length: usize,
        now: UnixTime,
    ) -> Result<Vec<ActiveLimit>, StoreError> {
        #[derive(Default, Deserialize)]
        struct Spent {
            spent: u32,
        }
        let breaker = Counter::circuit_breaker();
        let names: Vec<_> = counters.all().chain([breaker.clone()]).collect();
        let mut items = Vec::new();
        // A user of many workstations has many devices.
        for chunk in names.chunks(MAX_BATCH_GET) {
            let keys = counter_keys(&chunk.iter().collect::<Vec<_>>())?;
            items.extend(self.throttles.0.batch(keys, "read counters").await?);
        }
        let items = ByCounter::new(items)?;
        let mut limits = Vec::new();
        for (class, counter) in &counters.sign_in {
            let history: AttemptHistory = items.get(counter)?;
            let wait = AttemptLimits::for_sign_in(*class, min_password_length).retry_after(&history, now);
            limits.push(ActiveLimit::SignIn(*class, wait));
        }
        for (class, charge) in &counters.requests {
            let Spent { spent } = items.get(&charge.counter)?;
            if spent >= charge.max_events {
                let wait = Duration::from_secs(now.seconds_until(charge.resets_at));
                limits.push(ActiveLimit::Requests(*class, wait));
            }
        }
        limits.push(ActiveLimit::CircuitBreaker(items.get::<BreakerState>(&breaker)?.retry_after(now)));
        limits.retain(|limit| !limit.retry_after().is_zero());
        Ok(limits)
    }
}
