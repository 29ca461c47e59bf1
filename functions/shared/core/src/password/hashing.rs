//! Argon2id with a pepper as its secret input.

use super::Password;
use crate::keys::{Key, KeyRing};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const LANES: u32 = 1;
const SALT_LENGTH: usize = 16;

/// What a hash costs whoever makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// The least that is taken: OWASP's Password Storage Cheat Sheet, 19 MiB and two passes.
    pub const LEAST: Self = Self { memory_kib: 19_456, passes: 2 };

    fn params(self) -> Result<Params, HashingError> {
        Params::new(self.memory_kib, self.passes, LANES, None).map_err(argon2_error)
    }
}

/// What cannot be hashed or verified, though it should: a stored hash that is none, a pepper that is gone.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// The hash was made with a pepper that is not accepted any more.
    #[error("no pepper with the id {0}")]
    UnknownPepper(String),
    /// Argon2 does not take what it was given.
    #[error("argon2")]
    Argon2(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A password's hash, as the Credentials table keeps it. Nothing prints it.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredHash {
    /// PHC string: algorithm, parameters, salt and hash.
    pub phc: String,
    /// Which pepper went into it.
    pub key_id: String,
}

/// Hashes and verifies passwords.
pub struct Hasher {
    peppers: Arc<KeyRing>,
    cost: Cost,
}

impl Hasher {
    /// A hasher with these peppers: the current for new hashes, either for existing ones.
    #[must_use]
    pub fn new(peppers: Arc<KeyRing>, cost: Cost) -> Self {
        Self { peppers, cost }
    }

    /// The peppers.
    #[must_use]
    pub fn peppers(&self) -> &KeyRing {
        &self.peppers
    }

    /// Hashes a new password, with a salt from [`crate::chance::bytes`].
    pub fn hash(&self, password: &Password, salt: [u8; SALT_LENGTH]) -> Result<StoredHash, HashingError> {
        let pepper = self.peppers.current();
        let hash = self.argon2(pepper)?.hash_password_with_salt(password.as_bytes(), &salt).map_err(argon2_error)?;
        Ok(StoredHash { phc: hash.to_string(), key_id: pepper.id.clone() })
    }

    /// Whether this is the password of the stored hash. Where there is none it is not, after the same work.
    pub fn verify(&self, password: &Password, stored: Option<&StoredHash>) -> Result<bool, HashingError> {
        let Some(stored) = stored else {
            self.hash(password, [0; SALT_LENGTH])?;
            return Ok(false);
        };
        let unknown = || HashingError::UnknownPepper(stored.key_id.clone());
        let pepper = self.peppers.by_id(&stored.key_id).ok_or_else(unknown)?;
        let hash = PasswordHash::new(&stored.phc).map_err(argon2_error)?;
        match self.argon2(pepper)?.verify_password(password.as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(argon2_error(error)),
        }
    }

    /// Whether a hash is as one would be made today: with the current pepper, at the present cost.
    pub fn is_of_today(&self, stored: &StoredHash) -> Result<bool, HashingError> {
        let hash = PasswordHash::new(&stored.phc).map_err(argon2_error)?;
        let (made, today) = (Params::try_from(&hash).map_err(argon2_error)?, self.cost.params()?);
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        Ok(stored.key_id == self.peppers.current().id && cost(&made) == cost(&today))
    }

    fn argon2<'key>(&self, pepper: &'key Key) -> Result<Argon2<'key>, HashingError> {
        let params = self.cost.params()?;
        Argon2::new_with_secret(pepper.as_bytes(), Algorithm::Argon2id, Version::V0x13, params).map_err(argon2_error)
    }
}

fn argon2_error(error: impl std::error::Error + Send + Sync + 'static) -> HashingError {
    HashingError::Argon2(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(peppers: &str) -> Hasher {
        Hasher::new(Arc::new(serde_json::from_str(peppers).unwrap()), Cost::LEAST)
    }

    #[test]
    fn a_hash_verifies_its_password_with_its_pepper_alone() {
        let stored = with(r#"{"id": "1", "key": "poivre"}"#).hash(&Password::typed("abc1"), [9; 16]).unwrap();
        assert!(stored.phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.phc);
        let verify = |ring: &str, typed: &str| with(ring).verify(&Password::typed(typed), Some(&stored));

        assert!(verify(r#"{"id": "1", "key": "poivre"}"#, "abc1").unwrap());
        assert!(!verify(r#"{"id": "1", "key": "poivre"}"#, "abc2").unwrap());
        assert!(!verify(r#"{"id": "1", "key": "sel"}"#, "abc1").unwrap());
        let rotated = r#"{"id": "2", "key": "sel", "previous": {"id": "1", "key": "poivre"}}"#;
        assert!(verify(rotated, "abc1").unwrap());
        let forgotten = verify(r#"{"id": "2", "key": "sel"}"#, "abc1");
        assert!(matches!(forgotten, Err(HashingError::UnknownPepper(id)) if id == "1"));
    }

    #[test]
    fn the_same_letters_typed_another_way_are_the_same_password() {
        let hasher = with(r#"{"id": "1", "key": "poivre"}"#);
        let stored = hasher.hash(&Password::typed("e\u{301}te\u{301}1"), [9; 16]).unwrap();
        assert!(hasher.verify(&Password::typed("été1"), Some(&stored)).unwrap());
    }

    #[test]
    fn nobody_has_no_password() {
        assert!(!with(r#"{"id": "1", "key": "poivre"}"#).verify(&Password::typed(""), None).unwrap());
    }

    #[test]
    fn a_hash_is_of_today_with_the_current_pepper_at_the_present_cost() {
        let first = r#"{"id": "1", "key": "poivre"}"#;
        let stored = with(first).hash(&Password::typed("oie7"), [9; 16]).unwrap();
        assert!(with(first).is_of_today(&stored).unwrap());
        let rotated = r#"{"id": "2", "key": "sel", "previous": {"id": "1", "key": "poivre"}}"#;
        assert!(!with(rotated).is_of_today(&stored).unwrap());
        let ring = || Arc::new(serde_json::from_str(first).unwrap());
        for cost in [Cost { passes: 3, ..Cost::LEAST }, Cost { memory_kib: 32_768, ..Cost::LEAST }] {
            let dearer = Hasher::new(ring(), cost);
            assert!(
                !dearer.is_of_today(&stored).unwrap()
                    && dearer.verify(&Password::typed("oie7"), Some(&stored)).unwrap()
            );
        }
    }
}
