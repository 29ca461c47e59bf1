//! Random secrets that travel, and their hashes that are kept: two types each, so that they cannot be mixed.

use crate::keys::Key;
use crate::password::Password;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::marker::PhantomData;

/// A secret of `N` random bytes in the clear. It travels to its owner and is never stored, printed or logged.
pub struct Plain<Kind, const N: usize = 32>([u8; N], PhantomData<Kind>);

/// The SHA-256 of such a secret, base64url: what the tables keep. No secret can be had from it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashed<Kind>(String, #[serde(skip)] PhantomData<Kind>);

/// The kind of a mailed link's secret.
pub struct Link;
/// The kind of a session's secret.
pub struct SessionKey;

/// The kind of a device's secret.
pub struct DeviceKey;

/// The secret in a mailed link.
pub type PlainToken = Plain<Link>;
/// The hash under which the Tokens table keeps it.
pub type TokenHash = Hashed<Link>;
/// The secret of a session.
pub type PlainSessionKey = Plain<SessionKey>;
/// The hash under which the Sessions table keeps it.
pub type SessionKeyHash = Hashed<SessionKey>;
/// The secret of a device: 128 bits, since a browser may hold one for each of twenty colleagues.
pub type PlainDeviceKey = Plain<DeviceKey, 16>;
/// The hash under which the Devices table keeps it.
pub type DeviceKeyHash = Hashed<DeviceKey>;

impl<Kind, const N: usize> Plain<Kind, N> {
    /// Makes a secret of random bytes, which come from [`crate::chance::bytes`].
    #[must_use]
    pub fn from_random(bytes: [u8; N]) -> Self {
        Self(bytes, PhantomData)
    }

    /// Reads the travelling form: base64url, unpadded, in its one canonical spelling (43 characters for 32 bytes).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self::from_random(bytes.try_into().ok()?))
    }

    /// The travelling form.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The kept form.
    #[must_use]
    pub fn hash(&self) -> Hashed<Kind> {
        Hashed(URL_SAFE_NO_PAD.encode(Sha256::digest(self.0)), PhantomData)
    }

    /// What tells this secret together with a password from any other pair, for one who holds the pepper:
    /// HMAC(pepper, secret ‖ password), base64url. Kept where a link was used, to know the same POST again.
    #[must_use]
    pub fn receipt(&self, password: &Password, pepper: &Key) -> String {
        URL_SAFE_NO_PAD.encode(pepper.mac(&[b"receipt", &self.0, password.as_bytes()]))
    }
}

impl<Kind> Hashed<Kind> {
    /// The hash as text, 43 characters of base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a hash that was given out as an identifier. Anything but 43 base64url characters is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Plain::<Kind, 32>::parse(text).map(|_| Self(text.to_owned(), PhantomData))
    }
}

impl<Kind> Clone for Hashed<Kind> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<Kind> PartialEq for Hashed<Kind> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_reads_back_in_its_one_spelling() {
        let token = PlainToken::from_random([0xfb; 32]);
        let text = token.reveal();
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
    fn the_hash_is_not_the_secret() {
        let token = PlainToken::from_random([7; 32]);
        assert_ne!(token.hash().as_str(), token.reveal());
    }
}
