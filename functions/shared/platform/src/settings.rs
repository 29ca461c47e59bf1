//! Settings of the domain, from the variables that `infra/template.yaml` sets.

use crate::env::{ConfigError, number, parsed, required};
use guichet_domain::circuit_breaker::CircuitBreaker;
use guichet_domain::client::ManagedNetworks;
use guichet_domain::password::{Argon2Params, HashParams, PasswordPolicy};
use guichet_domain::rate_limit::EmailRateLimit;
use std::time::Duration;

/// `PASSWORD_POLICY` (JSON) and `CONTEXT_WORDS` (separated by commas).
pub fn password_policy() -> Result<PasswordPolicy, ConfigError> {
    let words = required("CONTEXT_WORDS")?;
    Ok(password_rule()?.with_context_words(words.split(',').map(str::to_owned)))
}

/// The minimum length of `PASSWORD_POLICY`, in code points.
pub fn min_password_length() -> Result<usize, ConfigError> {
    Ok(password_rule()?.min_length)
}

fn password_rule() -> Result<PasswordPolicy, ConfigError> {
    parsed("PASSWORD_POLICY", |text| serde_json::from_str(text).map_err(|error| error.to_string()))
}

/// `HASH_MEMORY_KIB` and `HASH_PASSES`; `PREVIOUS_HASH_PARAMS`, which is `MEMORY,PASSES` or empty. Neither may be below
/// [`Argon2Params::MINIMUM`].
pub fn hash_params() -> Result<HashParams, ConfigError> {
    let number = |text: &str, minimum: u32| {
        let expected = || format!("expected a whole number, at least {minimum}");
        text.parse().ok().filter(|given| *given >= minimum).ok_or_else(expected)
    };
    let memory_kib = |text: &str| number(text, Argon2Params::MINIMUM.memory_kib);
    let passes = |text: &str| number(text, Argon2Params::MINIMUM.passes);
    let previous = |text: &str| match text.split_once(',') {
        Some((memory, rest)) => Ok(Some(Argon2Params { memory_kib: memory_kib(memory)?, passes: passes(rest)? })),
        None if text.is_empty() => Ok(None),
        None => Err("expected MEMORY,PASSES".into()),
    };
    let current =
        Argon2Params { memory_kib: parsed("HASH_MEMORY_KIB", memory_kib)?, passes: parsed("HASH_PASSES", passes)? };
    let previous = parsed("PREVIOUS_HASH_PARAMS", previous)?.filter(|previous| *previous != current);
    Ok(HashParams { current, previous })
}

/// `UNTRUSTED_FAILURES_PER_HOUR` and `UNTRUSTED_FAILURES_PER_DAY`.
pub fn circuit_breaker() -> Result<CircuitBreaker, ConfigError> {
    Ok(CircuitBreaker {
        per_hour: number("UNTRUSTED_FAILURES_PER_HOUR")?,
        per_day: number("UNTRUSTED_FAILURES_PER_DAY")?,
    })
}

/// `LINK_LIFETIME_MINUTES`.
pub fn link_lifetime() -> Result<Duration, ConfigError> {
    number("LINK_LIFETIME_MINUTES").map(Duration::from_mins)
}

/// `EMAILS_PER_HOUR`.
pub fn email_rate_limit() -> Result<EmailRateLimit, ConfigError> {
    number("EMAILS_PER_HOUR").map(EmailRateLimit)
}

/// `MANAGED_NETWORKS`: CIDRs separated by commas.
pub fn managed_networks() -> Result<ManagedNetworks, ConfigError> {
    parsed("MANAGED_NETWORKS", |text| ManagedNetworks::parse(text).map_err(|error| error.to_string()))
}
