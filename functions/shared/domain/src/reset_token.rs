//! The token behind a mailed link.

use crate::account::AccountName;
use crate::secret::TokenHash;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a repeated request that used a token gets the original response.
const REPLAY_WINDOW: Duration = Duration::from_mins(10);
/// How often a repeated request is compared with the original.
pub const MAX_REPLAYS: u32 = 3;

/// Why the link was requested. It only selects wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkPurpose {
    /// *M'inscrire au service*.
    Register,
    /// *Mot de passe oublié ?*
    RequestReset,
}

/// A reset token, as the Tokens table stores it.
#[derive(Clone, Serialize, Deserialize)]
pub struct ResetToken {
    pub token_hash: TokenHash,
    pub account: AccountName,
    pub purpose: LinkPurpose,
    /// The version of the credentials that the token was issued for; it is invalid for any other.
    pub version: u64,
    pub expires_at: UnixTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<UnixTime>,
    /// [`PlainSecret::reuse_proof`](crate::secret::PlainSecret::reuse_proof) of the request that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_proof: Option<String>,
    /// The request part of the [`RequestId`](crate::mail_request::RequestId) that it was mailed for.
    pub for_request: String,
}

impl ResetToken {
    /// Whether a repeated request may still be a replay of the one whose response was lost.
    #[must_use]
    pub fn accepts_replay(&self, now: UnixTime) -> bool {
        self.used_at.is_some_and(|used_at| now < used_at + REPLAY_WINDOW)
    }
}
