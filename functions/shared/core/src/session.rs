//! Sessions: how long they last, and what their owner carries.

use crate::account::AccountName;
use crate::clock::UnixTime;
use crate::person::{Language, PersonName};
use crate::secret::{PlainSessionKey, SessionKeyHash};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Sessions that one account may have open; the oldest goes.
pub(crate) const MAX_SESSIONS: usize = 10;

/// `last_used` moves at most this often, so that a busy page does not write at each request.
pub(crate) const TOUCH_INTERVAL: Duration = Duration::from_mins(1);

/// The choice at sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remember {
    /// *Se souvenir de moi*: the session outlives the browser.
    Me,
    /// *Se souvenir uniquement de mon nom*: the page keeps the name, the session ends with the browser.
    Name,
    /// *Ne pas se souvenir de moi*.
    #[default]
    None,
}

impl Remember {
    /// How long a session lasts at most.
    #[must_use]
    pub fn absolute(self) -> Duration {
        match self {
            Self::Me => 30 * DAY,
            Self::Name | Self::None => 12 * HOUR,
        }
    }

    /// How long a session lasts unused.
    #[must_use]
    pub fn idle(self) -> Duration {
        match self {
            Self::Me => 14 * DAY,
            Self::Name | Self::None => HOUR,
        }
    }
}

/// How the session's secret travels. What was given for one way is not accepted by the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// In the `__Host-session` cookie.
    #[default]
    Cookie,
    /// In the `Authorization: Bearer` header.
    Bearer,
}

/// An open session, as the Sessions table keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub account: AccountName,
    /// Which one it is.
    pub secret_hash: SessionKeyHash,
    /// The credentials' version that it was opened with; it is good while that is the version.
    pub version: u64,
    /// The choice at sign-in.
    pub remember: Remember,
    /// How its secret travels.
    pub transport: Transport,
    /// When it was opened.
    pub created_at: UnixTime,
    /// When it was last used, to the minute.
    pub last_used_at: UnixTime,
    /// When it ends unused.
    pub idle_ends_at: UnixTime,
    /// When it ends in any case.
    pub ends_at: UnixTime,
    /// The coarse device that opened it, such as `Firefox · Windows`.
    pub device: String,
}

impl Session {
    /// A session opened now.
    #[must_use]
    pub fn open(opening: Opening, key: &PlainSessionKey, now: UnixTime) -> Self {
        Self {
            account: opening.account,
            secret_hash: key.hash(),
            version: opening.version,
            remember: opening.remember,
            transport: opening.transport,
            created_at: now,
            last_used_at: now,
            idle_ends_at: now + opening.remember.idle(),
            ends_at: now + opening.remember.absolute(),
            device: opening.device,
        }
    }

    /// The nearer of its two ends.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.idle_ends_at.min(self.ends_at)
    }

    /// Whether neither end is past.
    #[must_use]
    pub fn is_open(&self, now: UnixTime) -> bool {
        now < self.expires_at()
    }
}

/// What a sign-in opens a session with.
pub struct Opening {
    /// Whose.
    pub account: AccountName,
    /// The credentials' version that was verified.
    pub version: u64,
    /// The person's choice.
    pub remember: Remember,
    /// How the secret will travel.
    pub transport: Transport,
    /// The coarse device.
    pub device: String,
}

/// What the owner of a session carries: the account and the session's secret.
pub struct SessionTicket {
    /// Whose session.
    pub account: AccountName,
    /// Its secret.
    pub key: PlainSessionKey,
}

impl SessionTicket {
    /// Reads the travelling form. The account is canonical already; another spelling is no ticket.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, key) = text.rsplit_once('.')?;
        let account = AccountName::parse(name).ok().filter(|account| account.as_str() == name)?;
        Some(Self { account, key: PlainSessionKey::parse(key)? })
    }

    /// The travelling form: the account, a full stop, the secret.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.account, self.key.reveal())
    }
}

/// Somebody with an open session.
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The person's name.
    pub name: PersonName,
    /// The language that they speak.
    pub preferred_language: Language,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(remember: Remember) -> Session {
        let opening = Opening {
            account: AccountName::parse("a").unwrap(),
            version: 1,
            remember,
            transport: Transport::Cookie,
            device: String::new(),
        };
        Session::open(opening, &PlainSessionKey::from_random([1; 32]), UnixTime(0))
    }

    #[test]
    fn a_session_ends_at_the_nearer_of_its_two_ends() {
        let mut one = session(Remember::Me);
        assert_eq!(one.expires_at(), UnixTime(14 * 86_400));
        one.idle_ends_at = UnixTime(29 * 86_400) + Remember::Me.idle();
        assert_eq!(one.expires_at(), UnixTime(30 * 86_400));
        assert!(one.is_open(UnixTime(30 * 86_400 - 1)));
        assert!(!one.is_open(UnixTime(30 * 86_400)));
        assert_eq!(session(Remember::Name).expires_at(), UnixTime(3600));
    }

    #[test]
    fn a_ticket_reads_back_and_nothing_else_does() {
        let ticket =
            SessionTicket { account: AccountName::parse("a.b@c").unwrap(), key: PlainSessionKey::from_random([5; 32]) };
        let text = ticket.reveal();
        assert!(SessionTicket::parse(&text).unwrap().account.as_str() == "a.b@c");
        for odd in ["", ".", "a.b@c", &text[1..6], &text.to_uppercase(), &format!("{text}.")] {
            assert!(SessionTicket::parse(odd).is_none(), "{odd}");
        }
    }
}
