//! Guessing an account's password, counted before it is tried; and what a sign-in writes.

use super::credentials::{Credential, Credentials, keys as credential_keys};
use super::devices::{Devices, keys as device_keys};
use super::events::{Event, Events};
use super::sessions::Sessions;
use super::throttles::{Reservation, Throttles, keys as counter_keys};
use super::transaction::{Outcome, write_all};
use super::{StoreError, Table, failed, read};
use crate::account::AccountName;
use crate::class::Class;
use crate::clock::UnixTime;
use crate::config::{self, ConfigError};
use crate::device::Device;
use crate::keys::AccountKey;
use crate::secret::DeviceKeyHash;
use crate::session::{MAX_SESSIONS, Session, SessionTicket};
use crate::throttle::{Budget, Counter, Tries};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use serde::Deserialize;
use std::time::Duration;

/// The tables of an attempt to guess a password.
pub struct Attempts {
    /// The hash, and the version that devices are known for.
    pub credentials: Credentials,
    /// The devices that accounts know.
    pub devices: Devices,
    /// The counters.
    pub throttles: Throttles,
    /// The least length of a password, which says how many guesses an account can bear.
    pub min_length: usize,
}

/// Who attempts what, and from where.
pub struct Attempted<'a> {
    /// The account, whether anybody bears it or not.
    pub account: &'a AccountName,
    /// Its keyed hash.
    pub account_key: &'a AccountKey,
    /// The class that the client's address tells: M or U.
    pub network: Class,
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
}

#[derive(Deserialize)]
struct CounterItem {
    counter: String,
    #[serde(flatten)]
    tries: Tries,
}

impl Attempts {
    /// As the template's variables say.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        let table = |variable| Table::from_env(client, variable);
        Ok(Self {
            credentials: Credentials(table("CREDENTIALS_TABLE")?),
            devices: Devices(table("DEVICES_TABLE")?),
            throttles: Throttles(table("THROTTLES_TABLE")?),
            min_length: config::password_min_length()?,
        })
    }

    /// Counts an attempt before it is made, on the budget of the client's class: one consistent batch read and one
    /// conditional write, the same for known and unknown accounts.
    pub async fn count(&self, attempted: &Attempted<'_>) -> Result<Attempt, StoreError> {
        const DOING: &str = "read what an attempt needs";
        let Attempted { account, account_key, network, device, now } = *attempted;
        let by_network = Counter::sign_in(account_key, network);
        let by_device = device.map(|device| Counter::sign_in_on(account_key, device));
        let counters: Vec<_> = [Some(&by_network), by_device.as_ref()].into_iter().flatten().collect();

        let mut call = self
            .credentials
            .0
            .client
            .batch_get_item()
            .request_items(&self.credentials.0.name, credential_keys(account, None)?)
            .request_items(&self.throttles.0.name, counter_keys(&counters)?);
        if let Some(device) = device {
            call = call.request_items(&self.devices.0.name, device_keys(account, device)?);
        }
        let mut answer = call.send().await.map_err(failed(DOING))?;
        if answer.unprocessed_keys.as_ref().is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::new(DOING, "a part of the batch was not processed"));
        }
        let mut take =
            |table: &str| answer.responses.as_mut().and_then(|tables| tables.remove(table)).unwrap_or_default();
        let credential: Option<Credential> = take(&self.credentials.0.name).pop().map(read).transpose()?;
        let known: Option<Device> = take(&self.devices.0.name).pop().map(read).transpose()?;
        let items: Vec<CounterItem> = take(&self.throttles.0.name).into_iter().map(read).collect::<Result<_, _>>()?;
        let tries = |counter: &Counter| {
            items
                .iter()
                .find(|item| item.counter == counter.as_str())
                .map(|item| item.tries.clone())
                .unwrap_or_default()
        };

        let version = credential.as_ref().map(|credential| credential.holder.standing.version);
        let is_known = known.zip(version).is_some_and(|(device, version)| device.is_known(version, now));
        let on_device = Budget::of_sign_in(Class::D, self.min_length);
        let (class, counter) = match by_device {
            // A device whose long budget is spent is a stranger from then on.
            Some(counter) if is_known && !on_device.is_spent_for_good(&tries(&counter)) => (Class::D, counter),
            _ => (network, by_network),
        };
        let budget = Budget::of_sign_in(class, self.min_length);
        let seen = tries(&counter);
        Ok(match self.throttles.reserve(&counter, budget, seen, now).await? {
            Reservation::Granted(left) => Attempt::Counted(Box::new(Counted { credential, class, counter, left })),
            Reservation::Refused(wait) => Attempt::Refused(class, wait),
        })
    }

    /// In a transaction: what a success gives back.
    fn give_back(&self, counted: &Counted) -> Result<TransactWriteItem, StoreError> {
        match counted.class {
            Class::M => self.throttles.forgive(&counted.counter, &counted.left),
            Class::D | Class::U => self.throttles.clear(&counted.counter),
        }
    }
}

/// The tables of a sign-in.
pub struct SignIn {
    /// What was counted before.
    pub attempts: Attempts,
    /// The new session, and the oldest that goes.
    pub sessions: Sessions,
    /// What happened.
    pub events: Events,
}

/// What a sign-in opens.
pub struct Opened<'a> {
    /// The new session.
    pub session: &'a Session,
    /// The device that is known from now on.
    pub device: Option<&'a Device>,
    /// The ticket that the client presented.
    pub presented: Option<&'a SessionTicket>,
    /// The keyed hash of the account.
    pub account_key: &'a AccountKey,
    /// What happened.
    pub event: &'a Event,
}

impl SignIn {
    /// As the template's variables say.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        let table = |variable| Table::from_env(client, variable);
        Ok(Self {
            attempts: Attempts::from_env(client)?,
            sessions: Sessions(table("SESSIONS_TABLE")?),
            events: Events(table("EVENTS_TABLE")?),
        })
    }

    /// Opens a session: puts it, ends the oldest over ten and the one that the client presented, gives the attempt
    /// back, makes the device known and notes the event, all in one transaction.
    pub async fn open_session(&self, counted: &Counted, opened: &Opened<'_>) -> Result<(), StoreError> {
        const DOING: &str = "open a session";
        let Opened { session, device, presented, account_key, event } = *opened;
        let presented = presented.map(|ticket| (&ticket.account, ticket.key.hash()));
        let mut earlier = self.sessions.all(&session.account).await?;
        earlier.retain(|session| presented.as_ref() != Some(&(&session.account, session.secret_hash.clone())));

        let mut items = vec![self.sessions.put(session)?, self.events.put(account_key, event)?];
        if let Some(device) = device {
            items.push(self.attempts.devices.put(device)?);
        }
        if let Some((account, hash)) = &presented {
            items.push(self.sessions.delete(account, hash)?);
        }
        // Newest first: what is beyond leaves room for the new one. A handful at a time keeps the transaction small.
        for surplus in earlier.iter().skip(MAX_SESSIONS - 1).take(MAX_SESSIONS) {
            items.push(self.sessions.delete(&surplus.account, &surplus.secret_hash)?);
        }
        let client = &self.sessions.0.client;
        let with_refund = items.iter().cloned().chain([self.attempts.give_back(counted)?]).collect();
        if let Outcome::Committed = write_all(client, DOING, with_refund).await? {
            return Ok(());
        }
        // Somebody else was counted meanwhile, so the attempt stays counted; that must not keep the person out.
        match write_all(client, DOING, items).await? {
            Outcome::Committed => Ok(()),
            Outcome::Refused(_) => Err(StoreError::new(DOING, "a session with this secret is there already")),
        }
    }
}
