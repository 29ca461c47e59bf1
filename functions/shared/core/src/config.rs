//! The environment, read here only: each function knows what the template's `Variables` give it.

use crate::class::ManagedNetworks;
use crate::outside::Brake;
use crate::password::{Cost, Costs, PasswordPolicy};
use crate::quota::MailBrake;
use std::str::FromStr;
use std::time::Duration;

/// A variable is missing or says what it cannot.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

/// The text of a variable, which must be there (it may be empty).
pub fn text(name: &'static str) -> Result<String, ConfigError> {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    std::env::var(name).map_err(|error| ConfigError { name, problem: error.to_string() })
}

/// The text of a variable that need not be there.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    std::env::var(name).ok()
}

/// A variable, read by this parser, whose error says what is wanted.
pub fn parsed<T>(name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
    parse(&text(name)?).map_err(|problem| ConfigError { name, problem })
}

fn number<T: FromStr>(name: &'static str) -> Result<T, ConfigError> {
    parsed(name, |text| text.parse().map_err(|_| "a whole number is wanted".into()))
}

/// `PASSWORD_POLICY`, as JSON.
pub fn password_policy() -> Result<PasswordPolicy, ConfigError> {
    parsed("PASSWORD_POLICY", |text| serde_json::from_str(text).map_err(|error| error.to_string()))
}

/// `CONTEXT_WORDS`, separated by commas: the organisation's own words, which are no passwords.
pub fn context_words() -> Result<Vec<String>, ConfigError> {
    Ok(text("CONTEXT_WORDS")?.split(',').map(str::to_owned).collect())
}

/// `HASH_MEMORY_KIB` and `HASH_PASSES`; `PREVIOUS_HASH_PARAMS`, which is `MEMORY,PASSES` in the same units, or empty. None
/// is below [`Cost::LEAST`].
pub(crate) fn hash_costs() -> Result<Costs, ConfigError> {
    let number = |text: &str, least: u32| {
        let wanted = || format!("a whole number, at least {least}, is wanted");
        text.parse().ok().filter(|given| *given >= least).ok_or_else(wanted)
    };
    let memory_kib = |text: &str| number(text, Cost::LEAST.memory_kib);
    let passes = |text: &str| number(text, Cost::LEAST.passes);
    let before = |text: &str| match text.split_once(',') {
        Some((memory, rest)) => Ok(Some(Cost { memory_kib: memory_kib(memory)?, passes: passes(rest)? })),
        None if text.is_empty() => Ok(None),
        None => Err("MEMORY,PASSES is wanted".into()),
    };
    let today = Cost { memory_kib: parsed("HASH_MEMORY_KIB", memory_kib)?, passes: parsed("HASH_PASSES", passes)? };
    Ok(Costs { today, before: parsed("PREVIOUS_HASH_PARAMS", before)?.filter(|before| *before != today) })
}

/// `UNTRUSTED_FAILURES_PER_HOUR` and `UNTRUSTED_FAILURES_PER_DAY`: unresolved failures from outside.
pub(crate) fn brake() -> Result<Brake, ConfigError> {
    Ok(Brake { per_hour: number("UNTRUSTED_FAILURES_PER_HOUR")?, per_day: number("UNTRUSTED_FAILURES_PER_DAY")? })
}

/// `LINK_LIFETIME_MINUTES`: how long a mailed link works.
pub fn link_lifetime() -> Result<Duration, ConfigError> {
    number("LINK_LIFETIME_MINUTES").map(Duration::from_mins)
}

/// `EMAILS_PER_HOUR`: mails an hour over all.
pub fn mail_brake() -> Result<MailBrake, ConfigError> {
    number("EMAILS_PER_HOUR").map(MailBrake)
}

/// `MANAGED_NETWORKS`: CIDRs separated by commas.
pub fn managed_networks() -> Result<ManagedNetworks, ConfigError> {
    parsed("MANAGED_NETWORKS", |text| ManagedNetworks::parse(text).map_err(|error| error.to_string()))
}
