//! The log: lines on the standard output, which Lambda takes to CloudWatch with the time.

use crate::config;
use std::error::Error;
use tracing_subscriber::filter::LevelFilter;

/// Begins it. `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, is the least level (`INFO` by default); `AWS_LAMBDA_LOG_FORMAT`
/// is `JSON` or text. No filter by module, whose regular expressions are 260 KB of code.
pub fn begin() {
    let level = config::optional("AWS_LAMBDA_LOG_LEVEL").or_else(|| config::optional("RUST_LOG"));
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let lines = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    if config::optional("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        lines.json().init();
    } else {
        lines.init();
    }
}

/// An error and what it comes of, as one text.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| Error::source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
