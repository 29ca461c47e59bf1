//! Keys from Secrets Manager, cached, and what hashes passwords with them.

use crate::aws::Aws;
use crate::clock;
use crate::env::{self, ConfigError};
use crate::log::error_chain;
use crate::settings;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use guichet_domain::keys::KeyRing;
use guichet_domain::password::{HashMemory, HashParams, Hasher, StoredHash};
use guichet_domain::time::UnixTime;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A secret cannot be read, or is not a [`KeyRing`].
#[derive(Debug, thiserror::Error)]
#[error("secret {name}: {problem}")]
pub struct KeyError {
    name: String,
    problem: String,
}

/// How long a key ring that rotates is cached. It is measured by the clock, so that an instance that was frozen does
/// not use a retired key. A rotation reaches every instance within this time.
pub const REFRESH_INTERVAL: Duration = Duration::from_mins(5);
/// For a key ring that never rotates.
pub const NEVER_REFRESH: Duration = Duration::MAX;
/// A key id that is missing from the ring triggers a refresh at most this often; otherwise a stranger who invents key
/// ids could cause a call per request.
const MIN_REFETCH_INTERVAL: Duration = Duration::from_secs(1);

/// A key ring in Secrets Manager. It is read at start; if that fails, each use tries again.
pub struct KeySecret {
    client: Client,
    /// Name or ARN.
    name: String,
    max_age: Duration,
    cache: Mutex<Option<CachedRing>>,
}

struct CachedRing {
    ring: Arc<KeyRing>,
    read_at: UnixTime,
}

impl CachedRing {
    /// Whether it was read within this time. `read_at` in the future means that the clock was wrong, so it does not
    /// count.
    fn is_within(&self, max_age: Duration, now: UnixTime) -> bool {
        self.read_at <= now && now < self.read_at + max_age
    }
}

impl KeySecret {
    #[must_use]
    pub fn new(aws: &Aws, name: String, max_age: Duration) -> Self {
        Self { client: aws.secrets().clone(), name, max_age, cache: Mutex::default() }
    }

    /// The secret that this variable names, read now. A failure to read it is not an error yet: the first use tries
    /// again.
    pub async fn from_env(aws: &Aws, variable: &'static str, max_age: Duration) -> Result<Self, ConfigError> {
        let secret = Self::new(aws, env::required(variable)?, max_age);
        if let Err(error) = secret.current(clock::now()).await {
            tracing::warn!(error.chain = error_chain(&error), "secret unavailable at start");
        }
        Ok(secret)
    }

    pub async fn current(&self, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        let mut cache = self.cache.lock().await;
        match cache.as_ref().filter(|cached| cached.is_within(self.max_age, now)) {
            Some(cached) => Ok(Arc::clone(&cached.ring)),
            None => self.fetch(&mut cache, now).await,
        }
    }

    /// The current ring, read again if it lacks what the caller needs, because a rotation may just have happened.
    pub async fn get_or_refresh(
        &self,
        has_key: impl Fn(&KeyRing) -> bool,
        now: UnixTime,
    ) -> Result<Arc<KeyRing>, KeyError> {
        let ring = self.current(now).await?;
        let mut cache = self.cache.lock().await;
        let is_fresh = cache.as_ref().is_some_and(|cached| cached.is_within(MIN_REFETCH_INTERVAL, now));
        if has_key(&ring) || is_fresh { Ok(ring) } else { self.fetch(&mut cache, now).await }
    }

    async fn fetch(&self, cache: &mut Option<CachedRing>, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        let problem = |problem| KeyError { name: self.name.clone(), problem };
        // Boxed, because the SDK's future would enlarge that of every handler.
        let output = Box::pin(self.client.get_secret_value().secret_id(&self.name).send()).await;
        let output = output.map_err(|error| problem(DisplayErrorContext(error).to_string()))?;
        // The parser's error would quote the secret.
        let ring = serde_json::from_str(output.secret_string().unwrap_or_default())
            .map_err(|_| problem(r#"not {"id": …, "key": …}"#.into()))?;
        let ring = Arc::new(ring);
        *cache = Some(CachedRing { ring: Arc::clone(&ring), read_at: now });
        Ok(ring)
    }
}

/// The secrets of a function that hashes passwords.
pub struct PasswordKeys {
    pseudonym_keys: KeySecret,
    pepper: KeySecret,
    params: HashParams,
    memory: Arc<HashMemory>,
}

impl PasswordKeys {
    /// `PSEUDONYM_SECRET` and `PEPPER_SECRET`, and [`settings::hash_params`].
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (pseudonym_keys, pepper) = tokio::try_join!(
            KeySecret::from_env(aws, "PSEUDONYM_SECRET", NEVER_REFRESH),
            KeySecret::from_env(aws, "PEPPER_SECRET", REFRESH_INTERVAL)
        )?;
        Ok(Self { pseudonym_keys, pepper, params: settings::hash_params()?, memory: Arc::default() })
    }

    /// Allocates the memory of a hash now: Lambda gives a function a full CPU during initialization, and later a share
    /// in proportion to its memory.
    #[must_use]
    pub fn with_preallocated_memory(self) -> Self {
        Self { memory: Arc::new(HashMemory::preallocated(self.params.current)), ..self }
    }

    /// The key ring for pseudonyms.
    pub async fn pseudonym_keys(&self, now: UnixTime) -> Result<Arc<KeyRing>, KeyError> {
        self.pseudonym_keys.current(now).await
    }

    pub async fn hasher(&self, now: UnixTime) -> Result<Hasher, KeyError> {
        Ok(self.hasher_with(self.pepper.current(now).await?))
    }

    /// A hasher that has the pepper of this hash, if Secrets Manager does.
    pub async fn hasher_for(&self, stored: Option<&StoredHash>, now: UnixTime) -> Result<Hasher, KeyError> {
        let has_pepper = |ring: &KeyRing| stored.is_none_or(|stored| ring.by_id(&stored.key_id).is_some());
        Ok(self.hasher_with(self.pepper.get_or_refresh(has_pepper, now).await?))
    }

    fn hasher_with(&self, peppers: Arc<KeyRing>) -> Hasher {
        Hasher::new(peppers, self.params, Arc::clone(&self.memory))
    }
}
