//! Key rings with rotation, and the pseudonyms derived from them.

use crate::account::AccountName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// A key and its id.
#[derive(Deserialize)]
pub struct Key {
    /// Stored beside everything that was made with the key.
    pub id: String,
    key: SecretString,
}

impl Key {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.key.expose_secret().as_bytes()
    }

    /// HMAC-SHA256 of the fields. Each is preceded by its length, so that different lists of fields never collide.
    #[must_use]
    pub fn mac(&self, fields: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(self.as_bytes()) else {
            unreachable!("HMAC takes a key of any length")
        };
        for field in fields {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The current key and, during a rotation, the previous one. As JSON: `{"id": …, "key": …, "previous": {"id": …, "key":
/// …}}`.
#[derive(Deserialize)]
pub struct KeyRing {
    #[serde(flatten)]
    current: Key,
    previous: Option<Key>,
}

impl KeyRing {
    /// The key to make new things with.
    #[must_use]
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// The key with this id, while it is accepted.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Key> {
        self.accepted().find(|key| key.id == id)
    }

    /// Whether `text` is one of the keys, in time that does not depend on how much of it is right: MACs are compared.
    #[must_use]
    pub fn contains(&self, text: &[u8]) -> bool {
        self.accepted().any(|key| key.mac(&[text]) == key.mac(&[key.as_bytes()]))
    }

    /// The current key, then the previous one.
    pub fn accepted(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// HMAC of an account name, 43 characters of base64url. Table keys and logs contain it instead of the name that was
/// entered, because people also enter their password there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountPseudonym(String);

impl AccountPseudonym {
    /// Works alike for names that no account has.
    #[must_use]
    pub fn new(account: &AccountName, pseudonym_keys: &KeyRing) -> Self {
        Self(URL_SAFE_NO_PAD.encode(pseudonym_keys.current().mac(&[b"account", account.as_str().as_bytes()])))
    }

    #[must_use]
    pub fn from_stored(pseudonym: &str) -> Self {
        Self(pseudonym.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 characters: enough to follow one account through a log.
    #[must_use]
    pub fn log_id(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_accepts_current_and_previous_key_only() {
        let text = r#"{"id": "2", "key": "new", "previous": {"id": "1", "key": "old"}}"#;
        let ring: KeyRing = serde_json::from_str(text).unwrap();
        assert_eq!(ring.current().id, "2");
        assert_eq!(ring.by_id("1").unwrap().as_bytes(), b"old");
        assert!(ring.by_id("3").is_none());
        assert_eq!(ring.accepted().count(), 2);
        assert!(ring.contains(b"new") && ring.contains(b"old") && !ring.contains(b"ol") && !ring.contains(b""));
    }

    #[test]
    fn mac_separates_its_fields() {
        let key = Key { id: "1".into(), key: "k".into() };
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
    }
}
