//! The one way a password changes: hash, version, notice and event in one transaction, with the link that is used or
//! the session that is kept. All or nothing.

use super::StoreError;
use super::credentials::Credentials;
use super::devices::Devices;
use super::events::{Event, Events, Origin, What};
use super::mail_request::MailRequest;
use super::mail_requests::MailRequests;
use super::sessions::Sessions;
use super::throttles::Throttles;
use super::tokens::{Token, Tokens};
use super::transaction::{Outcome, write_all};
use crate::account::AccountName;
use crate::class::Class;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::device::Device;
use crate::keys::AccountKey;
use crate::password::StoredHash;
use crate::session::Session;
use crate::throttle::Counter;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;

/// A change of an account's password.
pub struct Change<'a> {
    /// Whose.
    pub account: &'a AccountName,
    /// The keyed hash of the account.
    pub account_key: &'a AccountKey,
    /// The version that is changed; it rises by one.
    pub version: u64,
    /// The new hash.
    pub hash: &'a StoredHash,
    /// When.
    pub now: UnixTime,
    /// From where.
    pub origin: Origin,
    /// The device that knows the account from now on.
    pub device: Device,
}

/// Whether the password was changed.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was, and everything older is dead.
    Yes,
    /// Nothing was written: the link, the session or the credentials are not what they were when they were read.
    No,
}

/// The tables that every change writes.
pub struct PasswordChange {
    /// The new hash and version.
    pub credentials: Credentials,
    /// The notice.
    pub mail_requests: MailRequests,
    /// The account's counters, which a change clears.
    pub throttles: Throttles,
    /// The device on which it is made, alone known to the new version.
    pub devices: Devices,
    /// What happened.
    pub events: Events,
}

impl PasswordChange {
    /// As the template's variables say.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            credentials: Credentials::from_env(client)?,
            mail_requests: MailRequests::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            devices: Devices::from_env(client)?,
            events: Events::from_env(client)?,
        })
    }

    /// Uses the link and changes the password.
    pub async fn spend_token(
        &self,
        tokens: &Tokens,
        token: &Token,
        receipt: &str,
        change: &Change<'_>,
    ) -> Result<Changed, StoreError> {
        let mut items = vec![tokens.spend(token, receipt, change.now)?];
        items.extend(self.items(change, What::PasswordSet)?);
        self.write(items).await
    }

    /// Changes the password of somebody signed in and keeps their session, alone.
    pub async fn keep_session(
        &self,
        sessions: &Sessions,
        session: &Session,
        change: &Change<'_>,
    ) -> Result<Changed, StoreError> {
        let mut items = vec![sessions.keep(session)?];
        items.extend(self.items(change, What::PasswordChanged)?);
        self.write(items).await
    }

    fn items(&self, change: &Change<'_>, what: What) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Change { account, account_key, version, hash, now, ref origin, ref device } = *change;
        let event = Event { happened_at: now, what, origin: origin.clone() };
        let notice = MailRequest::notice(account.clone(), account_key.clone(), version + 1, origin.clone(), now);
        Ok(vec![
            self.credentials.set_password(account, version, hash, now)?,
            self.mail_requests.put(&notice)?,
            self.events.put(account_key, &event)?,
            self.devices.put(device)?,
            self.throttles.clear(&Counter::sign_in(account_key, Class::U))?,
            self.throttles.clear(&Counter::sign_in(account_key, Class::M))?,
        ])
    }

    async fn write(&self, items: Vec<TransactWriteItem>) -> Result<Changed, StoreError> {
        Ok(match write_all(&self.credentials.0.client, "change a password", items).await? {
            Outcome::Committed => Changed::Yes,
            Outcome::Refused(_) => Changed::No,
        })
    }
}
