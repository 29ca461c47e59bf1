//! The writes of a successful sign-in.

use crate::events::Events;
use crate::login_attempts::{LoginAttempts, ReservedAttempt};
use crate::sessions::Sessions;
use crate::table::StoreError;
use crate::transaction::{TransactionOutcome, transact};
use aws_sdk_dynamodb::Client;
use guichet_domain::device::Device;
use guichet_domain::event::Event;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::session::{MAX_SESSIONS, Session, SessionToken};
use guichet_platform::env::ConfigError;

/// The tables of a sign-in.
pub struct SignIn {
    pub attempts: LoginAttempts,
    pub sessions: Sessions,
    pub events: Events,
}

/// What a sign-in starts.
pub struct SessionStart<'a> {
    pub session: &'a Session,
    /// The device that becomes known, or is renewed.
    pub device: Option<&'a Device>,
    /// The session that the client had before. It ends, which prevents session fixation.
    pub replaced: Option<&'a SessionToken>,
    pub account_key: &'a AccountPseudonym,
    pub event: &'a Event,
}

impl SignIn {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            attempts: LoginAttempts::from_env(client)?,
            sessions: Sessions::from_env(client)?,
            events: Events::from_env(client)?,
        })
    }

    /// In one transaction: puts the session, ends the replaced one and the oldest above [`MAX_SESSIONS`], refunds the
    /// attempt, makes the device known, and records the event.
    pub async fn insert(&self, attempt: &ReservedAttempt, start: &SessionStart<'_>) -> Result<(), StoreError> {
        const CONTEXT: &str = "start a session";
        let SessionStart { session, device, replaced, account_key, event } = *start;
        let replaced = replaced.map(|token| (&token.account, token.key.hash()));
        let (mut earlier, ()) =
            tokio::try_join!(self.sessions.list_all(&session.account), self.attempts.resolve_failures(attempt))?;
        earlier.retain(|session| replaced.as_ref() != Some(&(&session.account, session.secret_hash.clone())));

        let mut items = vec![self.sessions.put(session)?, self.events.put(account_key, event)?];
        if let Some(device) = device {
            items.push(self.attempts.devices.put(device)?);
        }
        if let Some((account, hash)) = &replaced {
            items.push(self.sessions.delete(account, hash)?);
        }
        // Sorted newest first. At most MAX_SESSIONS deletions keep the transaction small.
        for surplus in earlier.iter().skip(MAX_SESSIONS - 1).take(MAX_SESSIONS) {
            items.push(self.sessions.delete(&surplus.account, &surplus.secret_hash)?);
        }
        let client = &self.sessions.0.client;
        let with_refund = items.iter().cloned().chain([self.attempts.refund(attempt)?]).collect();
        if let TransactionOutcome::Committed = transact(client, CONTEXT, with_refund).await? {
            return Ok(());
        }
        // Another attempt was counted meanwhile. Skip the refund rather than fail the sign-in.
        match transact(client, CONTEXT, items).await? {
            TransactionOutcome::Committed => Ok(()),
            TransactionOutcome::ConditionFailed(_) => Err(StoreError::new(CONTEXT, "the session exists already")),
        }
    }
}
