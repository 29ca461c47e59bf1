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
}

/// What hashes cost today and, while people's hashes are made anew, what they cost before.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// Of new hashes.
    pub today: Cost,
    /// Of those that were made before it was raised.
    pub before: Option<Cost>,
}

impl Costs {
    fn are(self, cost: Cost) -> bool {
        cost == self.today || Some(cost) == self.before
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

/// What a PHC string says.
struct Made {
    at: Cost,
    salt: Salt,
    hash: Output,
}

impl Made {
    fn read(stored: &StoredHash) -> Result<Self, HashingError> {
        let phc = PasswordHash::new(&stored.phc).map_err(argon2_error)?;
        let params = Params::try_from(&phc).map_err(argon2_error)?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else {
            return Err(HashingError::Argon2("a hash without salt or value".into()));
        };
        Ok(Self { at: Cost { memory_kib: params.m_cost(), passes: params.t_cost() }, salt, hash })
    }
}

/// The memory that hashes are made in, kept from one to the next: whether it has to be fetched from the system anew
/// depends on what else a sign-in met, and the time would tell.
#[derive(Default)]
pub struct Memory(Mutex<Vec<Block>>);

impl Memory {
    /// As much as a hash at this cost wants, fetched now.
    #[must_use]
    pub fn fetched(cost: Cost) -> Self {
        Self(Mutex::new(vec![Block::default(); cost.memory_kib as usize]))
    }
}

/// Hashes and verifies passwords.
pub struct Hasher {
    peppers: Arc<KeyRing>,
    costs: Costs,
    memory: Arc<Memory>,
}

impl Hasher {
    /// A hasher with these peppers: the current for new hashes, either for existing ones.
    #[must_use]
    pub fn new(peppers: Arc<KeyRing>, costs: Costs, memory: Arc<Memory>) -> Self {
        Self { peppers, costs, memory }
    }

    /// The peppers.
    #[must_use]
    pub fn peppers(&self) -> &KeyRing {
        &self.peppers
    }

    // What hashes is inlined into the functions that do, which are compiled for speed; the rest of this crate is not.

    /// Hashes a new password, with a salt from [`crate::chance::bytes`].
    #[inline]
    pub fn hash(&self, password: &Password, salt: [u8; SALT_LENGTH]) -> Result<StoredHash, HashingError> {
        let (pepper, cost) = (self.peppers.current(), self.costs.today);
        let hash = self.argon2(pepper, cost, password, &salt)?;
        let Cost { memory_kib, passes } = cost;
        let [salt, hash] = [&salt[..], &hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
        let phc = format!("$argon2id$v=19$m={memory_kib},t={passes},p={LANES}${salt}${hash}");
        Ok(StoredHash { phc, key_id: pepper.id.clone() })
    }

    /// Whether this is the password of the stored hash. Where there is none it is not, after the same work: each cost
    /// that a hash may have is paid once and in the same order, for the stored hash or for a decoy, so that the time
    /// tells neither.
    #[inline]
    pub fn verify(&self, password: &Password, stored: Option<&StoredHash>) -> Result<bool, HashingError> {
        let made = stored.map(Made::read).transpose()?;
        let unlisted = made.as_ref().map(|made| made.at).filter(|cost| !self.costs.are(*cost));
        let mut right = false;
        for cost in [Some(self.costs.today), self.costs.before, unlisted].into_iter().flatten() {
            match stored.zip(made.as_ref().filter(|made| made.at == cost)) {
                Some((stored, Made { salt, hash, .. })) => {
                    let unknown = || HashingError::UnknownPepper(stored.key_id.clone());
                    let pepper = self.peppers.by_id(&stored.key_id).ok_or_else(unknown)?;
                    // `Output` compares in constant time.
                    right = Output::new(&self.argon2(pepper, cost, password, salt)?).map_err(argon2_error)? == *hash;
                }
                None => {
                    self.argon2(self.peppers.current(), cost, password, &[0; SALT_LENGTH])?;
                }
            }
        }
        Ok(right)
    }

    /// Whether a hash is as one would be made today: with the current pepper, at the present cost.
    pub fn is_of_today(&self, stored: &StoredHash) -> Result<bool, HashingError> {
        Ok(stored.key_id == self.peppers.current().id && Made::read(stored)?.at == self.costs.today)
    }

    #[inline]
    fn argon2(&self, pepper: &Key, cost: Cost, password: &Password, salt: &[u8]) -> Result<[u8; 32], HashingError> {
        let params = Params::new(cost.memory_kib, cost.passes, LANES, Some(HASH_LENGTH)).map_err(argon2_error)?;
        let blocks = params.block_count();
        let argon2 = Argon2::new_with_secret(pepper.as_bytes(), Algorithm::Argon2id, Version::V0x13, params);
        // What an earlier hash left there is written over.
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

    fn with(peppers: &str) -> Hasher {
        Hasher::new(
            Arc::new(serde_json::from_str(peppers).unwrap()),
            Costs { today: Cost::LEAST, before: None },
            Arc::default(),
        )
    }

    #[test]
    fn a_hash_verifies_its_password_with_its_pepper_alone() {
        let stored = with(r#"{"id": "1", "key": "poivre"}"#).hash(&Password::typed("abc1"), [9; 16]).unwrap();
        assert!(stored.phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.phc);
        // Argon2's own reading of it.
        let argon2 =
            Argon2::new_with_secret(b"poivre", Algorithm::Argon2id, Version::V0x13, Params::default()).unwrap();
        argon2.verify_password(b"abc1", &PasswordHash::new(&stored.phc).unwrap()).unwrap();
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
            for before in [None, Some(Cost::LEAST)] {
                let dearer = Hasher::new(ring(), Costs { today: cost, before }, Arc::default());
                assert!(!dearer.is_of_today(&stored).unwrap());
                assert!(dearer.verify(&Password::typed("oie7"), Some(&stored)).unwrap());
                assert!(!dearer.verify(&Password::typed("oie8"), Some(&stored)).unwrap());
                assert!(!dearer.verify(&Password::typed("oie7"), None).unwrap());
            }
        }
    }
}
