//! Argon2id with a pepper as its secret input.

use super::Password;
use crate::keys::{Key, KeyRing};
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

const LANES: u32 = 1;
const SALT_LENGTH: usize = 16;
const HASH_LENGTH: usize = 32;

/// The cost of one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Params {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Argon2Params {
    /// OWASP Password Storage Cheat Sheet: 19 MiB and two passes.
    pub const MINIMUM: Self = Self { memory_kib: 19_456, passes: 2 };
}

/// The cost of new hashes, and of those made before it was raised.
#[derive(Clone, Copy, Debug)]
pub struct HashParams {
    pub current: Argon2Params,
    /// Set while users' hashes are being upgraded at sign-in.
    pub previous: Option<Argon2Params>,
}

impl HashParams {
    fn contains(self, params: Argon2Params) -> bool {
        params == self.current || Some(params) == self.previous
    }
}

#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// The hash was made with a pepper that is not accepted any more.
    #[error("no pepper with the id {0}")]
    UnknownPepper(String),
    #[error("argon2")]
    Argon2(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A password hash, as the Credentials table stores it. It has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredHash {
    /// PHC string: algorithm, parameters, salt, and hash.
    pub phc: String,
    /// Id of the pepper.
    pub key_id: String,
}

struct ParsedHash {
    params: Argon2Params,
    salt: Salt,
    hash: Output,
}

impl ParsedHash {
    fn parse(stored: &StoredHash) -> Result<Self, HashingError> {
        let phc = PasswordHash::new(&stored.phc).map_err(argon2_error)?;
        let params = Params::try_from(&phc).map_err(argon2_error)?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else {
            return Err(HashingError::Argon2("a hash without salt or value".into()));
        };
        Ok(Self { params: Argon2Params { memory_kib: params.m_cost(), passes: params.t_cost() }, salt, hash })
    }
}

/// Working memory of Argon2, reused between hashes. Allocating it takes milliseconds, and whether it must be allocated
/// depends on what the request met before: a timing side channel on whether the account exists.
#[derive(Default)]
pub struct HashMemory(Mutex<Vec<Block>>);

impl HashMemory {
    #[must_use]
    pub fn preallocated(params: Argon2Params) -> Self {
        Self(Mutex::new(vec![Block::default(); params.memory_kib as usize]))
    }
}

pub struct Hasher {
    peppers: Arc<KeyRing>,
    params: HashParams,
    memory: Arc<HashMemory>,
}

impl Hasher {
    /// New hashes use the current pepper; verification accepts the previous one too.
    #[must_use]
    pub fn new(peppers: Arc<KeyRing>, params: HashParams, memory: Arc<HashMemory>) -> Self {
        Self { peppers, params, memory }
    }

    #[must_use]
    pub fn peppers(&self) -> &KeyRing {
        &self.peppers
    }

    // `#[inline]`: the functions that hash are compiled for speed, the rest of this crate for size.

    /// Hashes a new password. `salt` must be random.
    #[inline]
    pub fn hash(&self, password: &Password, salt: [u8; SALT_LENGTH]) -> Result<StoredHash, HashingError> {
        let (pepper, params) = (self.peppers.current(), self.params.current);
        let hash = self.argon2(pepper, params, password, &salt)?;
        let Argon2Params { memory_kib, passes } = params;
        let [salt, hash] = [&salt[..], &hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        let phc = format!("$argon2id$v=19$m={memory_kib},t={passes},p={LANES}${salt}${hash}");
        Ok(StoredHash { phc, key_id: pepper.id.clone() })
    }

    /// Whether `password` matches the stored hash; false without one. To prevent timing attacks, every call computes
    /// each cost that a hash may have once, in the same order, with the stored hash or a decoy.
    #[inline]
    pub fn verify(&self, password: &Password, stored: Option<&StoredHash>) -> Result<bool, HashingError> {
        let parsed = stored.map(ParsedHash::parse).transpose()?;
        let unlisted = parsed.as_ref().map(|parsed| parsed.params).filter(|params| !self.params.contains(*params));
        let mut matches = false;
        for params in [Some(self.params.current), self.params.previous, unlisted].into_iter().flatten() {
            match stored.zip(parsed.as_ref().filter(|parsed| parsed.params == params)) {
                Some((stored, ParsedHash { salt, hash, .. })) => {
                    let unknown = || HashingError::UnknownPepper(stored.key_id.clone());
                    let pepper = self.peppers.by_id(&stored.key_id).ok_or_else(unknown)?;
                    // `Output` compares in constant time.
                    matches =
                        Output::new(&self.argon2(pepper, params, password, salt)?).map_err(argon2_error)? == *hash;
                }
                None => {
                    self.argon2(self.peppers.current(), params, password, &[0; SALT_LENGTH])?;
                }
            }
        }
        Ok(matches)
    }

    /// Whether the hash was made with another pepper or another cost than a new one would be.
    pub fn needs_rehash(&self, stored: &StoredHash) -> Result<bool, HashingError> {
        let is_current =
            stored.key_id == self.peppers.current().id && ParsedHash::parse(stored)?.params == self.params.current;
        Ok(!is_current)
    }

    #[inline]
    fn argon2(
        &self,
        pepper: &Key,
        params: Argon2Params,
        password: &Password,
        salt: &[u8],
    ) -> Result<[u8; HASH_LENGTH], HashingError> {
        let params = Params::new(params.memory_kib, params.passes, LANES, Some(HASH_LENGTH)).map_err(argon2_error)?;
        let blocks = params.block_count();
        let argon2 = Argon2::new_with_secret(pepper.as_bytes(), Algorithm::Argon2id, Version::V0x13, params);
        // Argon2 overwrites what an earlier hash left in the memory.
        let mut memory = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let mut hash = [0; HASH_LENGTH];
        argon2
            .and_then(|argon2| {
                argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut hash, &mut memory[..blocks])
            })
            .map_err(argon2_error)?;
        Ok(hash)
    }
}

fn argon2_error(error: impl std::error::Error + Send + Sync + 'static) -> HashingError {
    HashingError::Argon2(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::PasswordVerifier;

    fn password(input: &str) -> Password {
        Password::from_input(&input.into())
    }

    fn with(peppers: &str) -> Hasher {
        Hasher::new(
            Arc::new(serde_json::from_str(peppers).unwrap()),
            HashParams { current: Argon2Params::MINIMUM, previous: None },
            Arc::default(),
        )
    }

    #[test]
    fn hash_verifies_only_with_its_password_and_pepper() {
        let stored = with(r#"{"id": "1", "key": "poivre"}"#).hash(&password("abc1"), [9; 16]).unwrap();
        assert!(stored.phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.phc);
        // Reference: the crate’s own verifier.
        let argon2 =
            Argon2::new_with_secret(b"poivre", Algorithm::Argon2id, Version::V0x13, Params::default()).unwrap();
        argon2.verify_password(b"abc1", &PasswordHash::new(&stored.phc).unwrap()).unwrap();
        let verify = |ring: &str, input: &str| with(ring).verify(&password(input), Some(&stored));

        assert!(verify(r#"{"id": "1", "key": "poivre"}"#, "abc1").unwrap());
        assert!(!verify(r#"{"id": "1", "key": "poivre"}"#, "abc2").unwrap());
        assert!(!verify(r#"{"id": "1", "key": "sel"}"#, "abc1").unwrap());
        let rotated = r#"{"id": "2", "key": "sel", "previous": {"id": "1", "key": "poivre"}}"#;
        assert!(verify(rotated, "abc1").unwrap());
        let retired = verify(r#"{"id": "2", "key": "sel"}"#, "abc1");
        assert!(matches!(retired, Err(HashingError::UnknownPepper(id)) if id == "1"));
    }

    #[test]
    fn unicode_normalization_makes_equivalent_input_match() {
        let hasher = with(r#"{"id": "1", "key": "poivre"}"#);
        let stored = hasher.hash(&password("e\u{301}te\u{301}1"), [9; 16]).unwrap();
        assert!(hasher.verify(&password("été1"), Some(&stored)).unwrap());
    }

    #[test]
    fn empty_password_never_matches_a_missing_hash() {
        assert!(!with(r#"{"id": "1", "key": "poivre"}"#).verify(&password(""), None).unwrap());
    }

    #[test]
    fn rehash_needed_after_pepper_rotation_or_cost_change() {
        let first = r#"{"id": "1", "key": "poivre"}"#;
        let stored = with(first).hash(&password("oie7"), [9; 16]).unwrap();
        assert!(!with(first).needs_rehash(&stored).unwrap());
        let rotated = r#"{"id": "2", "key": "sel", "previous": {"id": "1", "key": "poivre"}}"#;
        assert!(with(rotated).needs_rehash(&stored).unwrap());
        let ring = || Arc::new(serde_json::from_str(first).unwrap());
        for params in [
            Argon2Params { passes: 3, ..Argon2Params::MINIMUM },
            Argon2Params { memory_kib: 32_768, ..Argon2Params::MINIMUM },
        ] {
            for previous in [None, Some(Argon2Params::MINIMUM)] {
                let higher = Hasher::new(ring(), HashParams { current: params, previous }, Arc::default());
                assert!(higher.needs_rehash(&stored).unwrap());
                assert!(higher.verify(&password("oie7"), Some(&stored)).unwrap());
                assert!(!higher.verify(&password("oie8"), Some(&stored)).unwrap());
                assert!(!higher.verify(&password("oie7"), None).unwrap());
            }
        }
    }
}
