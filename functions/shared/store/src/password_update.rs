//! Writes a password change in one transaction: hash, version, notice, event, and known device. The same transaction
//! redeems the link or keeps the current session.

use crate::credentials::Credentials;
use crate::devices::Devices;
use crate::events::Events;
use crate::mail_requests::MailRequests;
use crate::sessions::Sessions;
use crate::table::StoreError;
use crate::throttles::Throttles;
use crate::tokens::Tokens;
use crate::transaction::{TransactionOutcome, transact};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use guichet_domain::account::AccountName;
use guichet_domain::client::ClientClass;
use guichet_domain::counter::Counter;
use guichet_domain::device::Device;
use guichet_domain::event::{ClientInfo, Event, EventKind};
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::mail_request::MailRequest;
use guichet_domain::password::StoredHash;
use guichet_domain::reset_token::ResetToken;
use guichet_domain::session::Session;
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;

pub struct PasswordUpdate<'a> {
    pub account: &'a AccountName,
    pub account_key: &'a AccountPseudonym,
    /// The current version; the update raises it by one.
    pub version: u64,
    pub hash: &'a StoredHash,
    pub now: UnixTime,
    pub client: ClientInfo,
    /// The only known device after the update.
    pub device: Device,
}

#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Everything that was issued before is revoked.
    Updated,
    /// Nothing was written: the link, the session, or the credentials changed since they were read.
    Conflict,
}

/// The tables of a password update.
pub struct PasswordUpdates {
    pub credentials: Credentials,
    pub mail_requests: MailRequests,
    pub throttles: Throttles,
    pub devices: Devices,
    pub events: Events,
}

impl PasswordUpdates {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            credentials: Credentials::from_env(client)?,
            mail_requests: MailRequests::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            devices: Devices::from_env(client)?,
            events: Events::from_env(client)?,
        })
    }

    /// Sets the password with a link, which is used up.
    pub async fn redeem_token(
        &self,
        tokens: &Tokens,
        token: &ResetToken,
        reuse_proof: &str,
        update: &PasswordUpdate<'_>,
    ) -> Result<UpdateOutcome, StoreError> {
        let mut items = vec![tokens.redeem(token, reuse_proof, update.now)?];
        items.extend(self.items(update, EventKind::PasswordSet)?);
        self.write(items).await
    }

    /// Changes the password in a session, which is the only one that survives.
    pub async fn retain_session(
        &self,
        sessions: &Sessions,
        session: &Session,
        update: &PasswordUpdate<'_>,
    ) -> Result<UpdateOutcome, StoreError> {
        let mut items = vec![sessions.carry_over(session)?];
        items.extend(self.items(update, EventKind::PasswordChanged)?);
        self.write(items).await
    }

    fn items(&self, update: &PasswordUpdate<'_>, kind: EventKind) -> Result<Vec<TransactWriteItem>, StoreError> {
        let PasswordUpdate { account, account_key, version, hash, now, ref client, ref device } = *update;
        let event = Event { happened_at: now, kind, client: client.clone() };
        let notice = MailRequest::notice(account.clone(), account_key.clone(), version + 1, client.clone(), now);
        Ok(vec![
            self.credentials.set_password(account, version, hash, now)?,
            self.mail_requests.put(&notice)?,
            self.events.put(account_key, &event)?,
            self.devices.put(device)?,
            self.throttles.delete(&Counter::login_failures(account_key, ClientClass::Untrusted))?,
            self.throttles.delete(&Counter::login_failures(account_key, ClientClass::ManagedNetwork))?,
        ])
    }

    async fn write(&self, items: Vec<TransactWriteItem>) -> Result<UpdateOutcome, StoreError> {
        Ok(match transact(&self.credentials.0.client, "change a password", items).await? {
            TransactionOutcome::Committed => UpdateOutcome::Updated,
            TransactionOutcome::ConditionFailed(_) => UpdateOutcome::Conflict,
        })
    }
}
