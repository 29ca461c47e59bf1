//! Sessions: how long they last, and the token that their owner holds.

use crate::account::AccountName;
use crate::person::{Language, PersonName};
use crate::secret::{PlainSessionKey, SessionKeyHash};
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Active sessions per account; a further sign-in ends the oldest.
pub const MAX_SESSIONS: usize = 10;

/// `last_used_at` is updated at most this often, so that not every request writes.
pub const TOUCH_INTERVAL: Duration = Duration::from_mins(1);

/// The user's choice at sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remember {
    /// *Se souvenir de moi*: the session outlives the browser.
    Me,
    /// *Se souvenir uniquement de mon nom*: the page stores the account name; the session ends with the browser.
    Name,
    /// *Ne pas se souvenir de moi*.
    #[default]
    None,
}

impl Remember {
    /// How long a session lasts at most.
    #[must_use]
    pub fn absolute_timeout(self) -> Duration {
        match self {
            Self::Me => 30 * DAY,
            Self::Name | Self::None => 12 * HOUR,
        }
    }

    /// How long a session lasts without use.
    #[must_use]
    pub fn idle_timeout(self) -> Duration {
        match self {
            Self::Me => 14 * DAY,
            Self::Name | Self::None => HOUR,
        }
    }
}

/// How the session token travels. A token issued for one transport is not accepted by the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// The `__Host-session` cookie.
    #[default]
    Cookie,
    /// The `Authorization: Bearer` header.
    Bearer,
}

/// A session, as the Sessions table stores it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    pub account: AccountName,
    pub secret_hash: SessionKeyHash,
    /// The version of the credentials at sign-in; the session is valid while they keep it.
    pub version: u64,
    pub remember: Remember,
    pub transport: Transport,
    pub created_at: UnixTime,
    /// To the minute ([`TOUCH_INTERVAL`]).
    pub last_used_at: UnixTime,
    pub idle_ends_at: UnixTime,
    pub ends_at: UnixTime,
    /// Browser and system, such as `Firefox · Windows`.
    pub device: String,
}

impl Session {
    #[must_use]
    pub fn new(new: NewSession, key: &PlainSessionKey, now: UnixTime) -> Self {
        Self {
            account: new.account,
            secret_hash: key.hash(),
            version: new.version,
            remember: new.remember,
            transport: new.transport,
            created_at: now,
            last_used_at: now,
            idle_ends_at: now + new.remember.idle_timeout(),
            ends_at: now + new.remember.absolute_timeout(),
            device: new.device,
        }
    }

    /// The earlier of the idle and the absolute timeout.
    #[must_use]
    pub fn expires_at(&self) -> UnixTime {
        self.idle_ends_at.min(self.ends_at)
    }

    #[must_use]
    pub fn is_unexpired(&self, now: UnixTime) -> bool {
        now < self.expires_at()
    }
}

/// The parameters of a new session.
pub struct NewSession {
    pub account: AccountName,
    /// The version of the credentials that were verified.
    pub version: u64,
    pub remember: Remember,
    pub transport: Transport,
    pub device: String,
}

/// What the owner of a session holds: the account and the session's secret. The account is the partition key of the
/// Sessions table, so one read finds the session.
pub struct SessionToken {
    pub account: AccountName,
    pub key: PlainSessionKey,
}

impl SessionToken {
    /// Parses `account.secret`. The account must be in canonical form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, key) = text.rsplit_once('.')?;
        let account = AccountName::parse(name).ok().filter(|account| account.as_str() == name)?;
        Some(Self { account, key: PlainSessionKey::parse(key)? })
    }

    /// `account.secret`, as it goes into a cookie or an response.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{}.{}", self.account, self.key.expose())
    }
}

/// A valid session and its owner.
pub struct AuthenticatedSession {
    pub session: Session,
    pub name: PersonName,
    pub preferred_language: Language,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(remember: Remember) -> Session {
        let new = NewSession {
            account: AccountName::parse("a").unwrap(),
            version: 1,
            remember,
            transport: Transport::Cookie,
            device: String::new(),
        };
        Session::new(new, &PlainSessionKey::from_random([1; 32]), UnixTime(0))
    }

    #[test]
    fn session_expires_at_idle_or_absolute_timeout() {
        let mut one = session(Remember::Me);
        assert_eq!(one.expires_at(), UnixTime(14 * 86_400));
        one.idle_ends_at = UnixTime(29 * 86_400) + Remember::Me.idle_timeout();
        assert_eq!(one.expires_at(), UnixTime(30 * 86_400));
        assert!(one.is_unexpired(UnixTime(30 * 86_400 - 1)));
        assert!(!one.is_unexpired(UnixTime(30 * 86_400)));
        assert_eq!(session(Remember::Name).expires_at(), UnixTime(3600));
    }

    #[test]
    fn session_token_has_one_canonical_encoding() {
        let token =
            SessionToken { account: AccountName::parse("a.b@c").unwrap(), key: PlainSessionKey::from_random([5; 32]) };
        let text = token.expose();
        assert!(SessionToken::parse(&text).unwrap().account.as_str() == "a.b@c");
        for odd in ["", ".", "a.b@c", &text[1..6], &text.to_uppercase(), &format!("{text}.")] {
            assert!(SessionToken::parse(odd).is_none(), "{odd}");
        }
    }
}
