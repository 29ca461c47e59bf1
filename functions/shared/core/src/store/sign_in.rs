//! What a sign-in reads and writes across tables.

use super::credentials::{Credential, Credentials, keys as credential_keys};
use super::events::{Event, Events};
use super::sessions::Sessions;
use super::throttles::{Reservation, Throttles, Tries, keys as counter_keys};
use super::transaction::{Outcome, write_all};
use super::{StoreError, failed, read};
use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::session::{MAX_SESSIONS, Session, SessionTicket};
use crate::throttle::{Counter, SIGN_IN};
use std::time::Duration;

/// The tables of a sign-in.
pub struct SignIn {
    /// Read.
    pub credentials: Credentials,
    /// Reserved on before, cleared after.
    pub throttles: Throttles,
    /// The new session, and the oldest that goes.
    pub sessions: Sessions,
    /// What happened.
    pub events: Events,
}

impl SignIn {
    /// Opens a session: puts it, ends the oldest over ten and the one that the client `presented`, clears the counter
    /// and notes the event, all in one transaction.
    pub async fn open_session(
        &self,
        session: &Session,
        presented: Option<&SessionTicket>,
        counter: &Counter,
        account_key: &AccountKey,
        event: &Event,
    ) -> Result<(), StoreError> {
        const DOING: &str = "open a session";
        let presented = presented.map(|ticket| (&ticket.account, ticket.key.hash()));
        let mut earlier = self.sessions.all(&session.account).await?;
        earlier.retain(|session| presented.as_ref() != Some(&(&session.account, session.secret_hash.clone())));

        let mut items =
            vec![self.sessions.put(session)?, self.throttles.clear(counter)?, self.events.put(account_key, event)?];
        if let Some((account, hash)) = &presented {
            items.push(self.sessions.delete(account, hash)?);
        }
        // Newest first: what is beyond leaves room for the new one. A handful at a time keeps the transaction small.
        for surplus in earlier.iter().skip(MAX_SESSIONS - 1).take(MAX_SESSIONS) {
            items.push(self.sessions.delete(&surplus.account, &surplus.secret_hash)?);
        }
        match write_all(&self.sessions.0.client, DOING, items).await? {
            Outcome::Committed => Ok(()),
            Outcome::Refused => Err(StoreError::new(DOING, "a session with this secret is there already")),
        }
    }
}

/// Whether a password may be tried.
#[must_use]
pub enum Attempt {
    /// It may, and is counted; these are the account's credentials, if anybody bears it.
    Counted(Option<Credential>),
    /// It may not, for so long.
    Refused(Duration),
}

/// Counts an attempt to guess an account's password before it is made: one consistent batch read and one conditional
/// write, the same for known and unknown accounts.
pub async fn count_attempt(
    credentials: &Credentials,
    throttles: &Throttles,
    account: &AccountName,
    counter: &Counter,
    now: UnixTime,
) -> Result<Attempt, StoreError> {
    let (credential, tries) = look_up(credentials, throttles, account, counter).await?;
    Ok(match throttles.reserve(counter, SIGN_IN, tries, now).await? {
        Reservation::Granted => Attempt::Counted(credential),
        Reservation::Refused(wait) => Attempt::Refused(wait),
    })
}

async fn look_up(
    credentials: &Credentials,
    throttles: &Throttles,
    account: &AccountName,
    counter: &Counter,
) -> Result<(Option<Credential>, Tries), StoreError> {
    const DOING: &str = "read credentials and counter";
    let (credentials, throttles) = (&credentials.0, &throttles.0);
    let mut answer = credentials
        .client
        .batch_get_item()
        .request_items(&credentials.name, credential_keys(account, None)?)
        .request_items(&throttles.name, counter_keys(counter)?)
        .send()
        .await
        .map_err(failed(DOING))?;
    if answer.unprocessed_keys.as_ref().is_some_and(|left| !left.is_empty()) {
        return Err(StoreError::new(DOING, "a part of the batch was not processed"));
    }
    let mut take = |table: &str| answer.responses.as_mut().and_then(|tables| tables.remove(table)?.pop());
    let credential = take(&credentials.name).map(read).transpose()?;
    let tries = take(&throttles.name).map(read).transpose()?.unwrap_or_default();
    Ok((credential, tries))
}
