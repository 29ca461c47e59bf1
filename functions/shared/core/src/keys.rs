//! The keys, from Secrets Manager. A secret is `{"id": …, "key": …}`; while a key is rotated it carries the one
//! before under `previous`, in the same form.

use crate::account::AccountName;
use crate::aws::Aws;
use crate::clock::{self, UnixTime};
use crate::config::{self, ConfigError};
use crate::log::chain;
use crate::password::{Costs, Hasher, Memory, StoredHash};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A secret cannot be had, or is not in its form.
#[derive(Debug, thiserror::Error)]
#[error("secret {name}: {problem}")]
pub struct KeyError {
    name: String,
    problem: String,
}

/// A key with its name. Never printed, so it has no `Debug`.
#[derive(Deserialize)]
pub struct Key {
    /// Which key this is; kept beside what was made with it.
    pub id: String,
    key: String,
}

impl Key {
    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.key.as_bytes()
    }

    /// HMAC-SHA256 over the fields, each with its length before it, so that no two lists of fields are the same text.
    #[must_use]
    pub(crate) fn mac(&self, fields: &[&[u8]]) -> [u8; 32] {
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

/// The current key and, while rotating, the one before.
#[derive(Deserialize)]
pub struct KeyRing {
    #[serde(flatten)]
    current: Key,
    previous: Option<Key>,
}

impl KeyRing {
    /// The key that new things are made with.
    #[must_use]
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// The key of this name, if it is still accepted.
    #[must_use]
    pub(crate) fn by_id(&self, id: &str) -> Option<&Key> {
        Some(&self.current).filter(|key| key.id == id).or_else(|| self.previous.as_ref().filter(|key| key.id == id))
    }

    /// Whether a text is one of the keys. What is compared is keyed, so that the time tells nothing of how much was right.
    #[must_use]
    pub fn holds(&self, text: &[u8]) -> bool {
        self.accepted().any(|key| key.mac(&[text]) == key.mac(&[key.as_bytes()]))
    }

    /// Both keys, the current first.
    pub fn accepted(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// A ring that is rotated is read again after so long, by the clock, so that an instance that was frozen meanwhile
/// makes nothing with a key that was retired. It also is how long a rotation takes to be everywhere.
pub const ROTATED: Duration = Duration::from_mins(5);
/// A ring that is never rotated is read once.
pub const READ_ONCE: Duration = Duration::MAX;
/// A key that is not on the ring is looked for again at most so often, or a stranger could make us ask for each request.
const AGAIN: Duration = Duration::from_secs(1);

/// A secret of Secrets Manager, read ahead and kept for its life; until it could be read, each use tries again.
pub struct Secret {
    client: Client,
    name: String,
    life: Duration,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    ring: Arc<KeyRing>,
    read_at: UnixTime,
}

impl Kept {
    /// Whether it was read within so long. What was read by a clock that was ahead was not.
    fn is_within(&self, length: Duration, now: UnixTime) -> bool {
        self.read_at <= now && now < self.read_at + length
    }
}

impl Secret {
    /// The secret of this name or ARN.
    #[must_use]
    pub fn new(aws: &Aws, name: String, life: Duration) -> Self {
        Self { client: aws.secrets().clone(), name, life, kept: Mutex::default() }
    }

    /// The secret whose name or ARN stands in this environment variable. It is read ahead of its first use; a failure
    /// then is no end, the first use tries again.
    pub async fn from_env(aws: &Aws, variable: &'static str, life: Duration) -> Result<Self, ConfigError> {
        let secret = Self::new(aws, config::text(variable)?, life);
        if let Err(error) = secret.ring(clock::now()).await {
            tracing::warn!(error.chain = chain(&error), "a secret is not at hand yet");
        }
        Ok(secret)
    }

    /// The keys that the secret holds.
    pub async fn ring(&self, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        let mut kept = self.kept.lock().await;
        match kept.as_ref().filter(|kept| kept.is_within(self.life, now)) {
            Some(kept) => Ok(Arc::clone(&kept.ring)),
            None => self.read(&mut kept, now).await,
        }
    }

    /// The same, read once more where the key that is looked for is not there: it may have come since.
    pub async fn ring_with(&self, wanted: impl Fn(&KeyRing) -> bool, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        let ring = self.ring(now).await?;
        let mut kept = self.kept.lock().await;
        let is_fresh = kept.as_ref().is_some_and(|kept| kept.is_within(AGAIN, now));
        if wanted(&ring) || is_fresh { Ok(ring) } else { self.read(&mut kept, now).await }
    }

    async fn read(&self, kept: &mut Option<Kept>, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        let problem = |problem| KeyError { name: self.name.clone(), problem };
        // Boxed, for the SDK's future would weigh on that of each handler.
        let answer = Box::pin(self.client.get_secret_value().secret_id(&self.name).send()).await;
        let answer = answer.map_err(|error| problem(DisplayErrorContext(error).to_string()))?;
        // What the parser says would quote the secret.
        let ring = serde_json::from_str(answer.secret_string().unwrap_or_default())
            .map_err(|_| problem(r#"not {"id": …, "key": …}"#.into()))?;
        let ring = Arc::new(ring);
        *kept = Some(Kept { ring: Arc::clone(&ring), read_at: now });
        Ok(ring)
    }
}

/// The secrets of a function that hashes passwords.
pub struct Keys {
    names: Secret,
    pepper: Secret,
    costs: Costs,
    memory: Arc<Memory>,
}

impl Keys {
    /// `NAMES_SECRET` and `PEPPER_SECRET`; `HASH_MEMORY_KIB`, `HASH_PASSES` and `PREVIOUS_HASH_PARAMS`.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (names, pepper) = tokio::try_join!(
            Secret::from_env(aws, "NAMES_SECRET", READ_ONCE),
            Secret::from_env(aws, "PEPPER_SECRET", ROTATED)
        )?;
        Ok(Self { names, pepper, costs: config::hash_costs()?, memory: Arc::default() })
    }

    /// With the memory of a hash at hand, for a function whose first event wants one: at its start Lambda gives a whole
    /// processor, later what its memory size pays for.
    #[must_use]
    pub fn ready_to_hash(self) -> Self {
        Self { memory: Arc::new(Memory::fetched(self.costs.today)), ..self }
    }

    /// The keys for names.
    pub async fn names(&self, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        self.names.ring(now).await
    }

    /// What hashes and verifies with the peppers.
    pub async fn hasher(&self, now: UnixTime) -> Result<Hasher, KeyError> {
        Ok(self.with(self.pepper.ring(now).await?))
    }

    /// The same, for a hash that was made with this pepper, which may have come since.
    pub async fn hasher_for(&self, stored: Option<&StoredHash>, now: UnixTime) -> Result<Hasher, KeyError> {
        let is_there = |ring: &KeyRing| stored.is_none_or(|stored| ring.by_id(&stored.key_id).is_some());
        Ok(self.with(self.pepper.ring_with(is_there, now).await?))
    }

    fn with(&self, peppers: Arc<KeyRing>) -> Hasher {
        Hasher::new(peppers, self.costs, Arc::clone(&self.memory))
    }
}

/// The keyed hash of an account name: what keys of tables and logs carry in the place of what was typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountKey(String);

impl AccountKey {
    /// The keyed hash of this name; the same for a name that nobody bears.
    #[must_use]
    pub fn of(account: &AccountName, names: &KeyRing) -> Self {
        Self(URL_SAFE_NO_PAD.encode(names.current().mac(&[b"account", account.as_str().as_bytes()])))
    }

    /// A hash that stands in a table.
    #[must_use]
    pub(crate) fn kept(hash: &str) -> Self {
        Self(hash.to_owned())
    }

    /// The hash, 43 characters of base64url.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its beginning, enough to follow one account through a log.
    #[must_use]
    pub fn brief(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_accepts_its_two_keys_and_no_other() {
        let text = r#"{"id": "2", "key": "new", "previous": {"id": "1", "key": "old"}}"#;
        let ring: KeyRing = serde_json::from_str(text).unwrap();
        assert_eq!(ring.current().id, "2");
        assert_eq!(ring.by_id("1").unwrap().as_bytes(), b"old");
        assert!(ring.by_id("3").is_none());
        assert_eq!(ring.accepted().count(), 2);
        assert!(ring.holds(b"new") && ring.holds(b"old") && !ring.holds(b"ol") && !ring.holds(b""));
    }

    #[test]
    fn fields_cannot_run_into_each_other() {
        let key = Key { id: "1".into(), key: "k".into() };
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
    }
}
