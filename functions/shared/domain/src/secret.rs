//! Random secrets, as two types each: the one that travels and the one that is stored. They cannot be mixed.

use crate::keys::Key;
use crate::password::Password;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::marker::PhantomData;

/// A secret of `N` random bytes in the clear. It goes to its owner and is never stored or logged.
pub struct PlainSecret<Kind, const N: usize = 32>(SecretBox<[u8; N]>, PhantomData<Kind>);

/// SHA-256 of a secret, 43 characters of base64url: what the tables store.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash<Kind>(String, #[serde(skip)] PhantomData<Kind>);

/// Kinds of secrets, as type parameters.
pub struct LinkSecret;
pub struct SessionSecret;
pub struct DeviceSecret;

/// The secret in a mailed link.
pub type PlainToken = PlainSecret<LinkSecret>;
pub type TokenHash = SecretHash<LinkSecret>;
pub type PlainSessionKey = PlainSecret<SessionSecret>;
pub type SessionKeyHash = SecretHash<SessionSecret>;
/// 128 bits are enough, because the key only selects limits, and a browser may store one for each of 20 colleagues.
pub type PlainDeviceKey = PlainSecret<DeviceSecret, 16>;
pub type DeviceKeyHash = SecretHash<DeviceSecret>;

impl<Kind, const N: usize> PlainSecret<Kind, N> {
    /// `bytes` must come from the system's random number generator.
    #[must_use]
    pub fn from_random(bytes: [u8; N]) -> Self {
        Self(SecretBox::new(Box::new(bytes)), PhantomData)
    }

    /// Parses base64url without padding, in its one canonical spelling (43 characters for 32 bytes).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self::from_random(bytes.try_into().ok()?))
    }

    /// The encoded secret, as it goes into a mail, a cookie, or an response.
    #[must_use]
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose_secret())
    }

    #[must_use]
    pub fn hash(&self) -> SecretHash<Kind> {
        SecretHash(URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose_secret())), PhantomData)
    }

    /// HMAC(pepper, secret ‖ password), base64url. Stored when a link is used, it recognizes a replay of the same
    /// request and reveals nothing without the pepper.
    #[must_use]
    pub fn reuse_proof(&self, password: &Password, pepper: &Key) -> String {
        URL_SAFE_NO_PAD.encode(pepper.mac(&[b"reuse-proof", self.0.expose_secret(), password.as_bytes()]))
    }
}

impl<Kind> SecretHash<Kind> {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses a hash that was given out as an identifier: 43 characters of canonical base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        PlainSecret::<Kind, 32>::parse(text).map(|_| Self(text.to_owned(), PhantomData))
    }
}

impl<Kind> Clone for SecretHash<Kind> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<Kind> PartialEq for SecretHash<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_has_one_canonical_encoding() {
        let token = PlainToken::from_random([0xfb; 32]);
        let text = token.expose();
        assert_eq!(text.len(), 43);
        assert!(PlainToken::parse(&text).unwrap().hash() == token.hash());
        // The last character carries 2 spare bits, which must be zero.
        let other_spelling = format!("{}{}", &text[..42], 't');
        let odd = ["", "a", &text[..42], &format!("{text}="), &format!(" {text}"), &other_spelling, &"*".repeat(43)];
        for text in odd {
            assert!(PlainToken::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn hash_differs_from_secret() {
        let token = PlainToken::from_random([7; 32]);
        assert_ne!(token.hash().as_str(), token.expose());
    }
}
