//! The only access to the environment.

use std::str::FromStr;

/// A variable is missing or invalid.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

/// A variable that must be set; it may be empty.
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    #[expect(clippy::disallowed_methods, reason = "this is the entry point")]
    std::env::var(name).map_err(|error| ConfigError { name, problem: error.to_string() })
}

#[must_use]
pub fn optional(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the entry point")]
    std::env::var(name).ok()
}

/// A required variable, parsed. The parser's error says what is expected.
pub fn parsed<T>(name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
    parse(&required(name)?).map_err(|problem| ConfigError { name, problem })
}

pub(crate) fn number<T: FromStr>(name: &'static str) -> Result<T, ConfigError> {
    parsed(name, |text| text.parse().map_err(|_| "expected a whole number".into()))
}
