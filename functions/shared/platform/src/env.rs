//! The only access to the environment.

use crate::process;
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
    process::variable(name).ok_or_else(|| ConfigError { name, problem: "not set, or not Unicode".into() })
}

#[must_use]
pub fn optional(name: &str) -> Option<String> {
    process::variable(name)
}

/// A required variable, parsed. The parser's error says what is expected.
pub fn parsed<T>(name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
    parse(&required(name)?).map_err(|problem| ConfigError { name, problem })
}

pub(crate) fn number<T: FromStr>(name: &'static str) -> Result<T, ConfigError> {
    parsed(name, |text| text.parse().map_err(|_| "expected a whole number".into()))
}
