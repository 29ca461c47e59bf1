//! What a sign-in writes.

use super::StoreError;
use super::attempts::{Attempts, Counted};
use super::events::{Event, Events};
use super::sessions::Sessions;
use super::transaction::{Outcome, write_all};
use crate::config::ConfigError;
use crate::device::Device;
use crate::keys::AccountKey;
use crate::session::{MAX_SESSIONS, Session, SessionTicket};
use aws_sdk_dynamodb::Client;

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
        Ok(Self {
            attempts: Attempts::from_env(client)?,
            sessions: Sessions::from_env(client)?,
            events: Events::from_env(client)?,
        })
    }

    /// Opens a session: puts it, ends the oldest over ten and the one that the client presented, gives the attempt
    /// back, makes the device known and notes the event, all in one transaction.
    pub async fn open_session(&self, counted: &Counted, opened: &Opened<'_>) -> Result<(), StoreError> {
        const DOING: &str = "open a session";
        let Opened { session, device, presented, account_key, event } = *opened;
        let presented = presented.map(|ticket| (&ticket.account, ticket.key.hash()));
        let (mut earlier, ()) = tokio::try_join!(self.sessions.all(&session.account), self.attempts.resolve(counted))?;
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
