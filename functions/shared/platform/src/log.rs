//! The log: lines on standard output, which Lambda sends to CloudWatch.

use crate::env;
use std::error::Error;
use tracing_subscriber::filter::LevelFilter;

/// Installs the subscriber. The level is `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else `INFO`; the format is JSON if
/// `AWS_LAMBDA_LOG_FORMAT` says so. There is no filter per module, because its regular expressions are 260 KB of code.
pub fn init() {
    let level = env::optional("AWS_LAMBDA_LOG_LEVEL").or_else(|| env::optional("RUST_LOG"));
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let subscriber = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    if env::optional("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        subscriber.json().init();
    } else {
        subscriber.init();
    }
}

/// An error and its sources, as in `cannot read the directory: timeout: connection refused`.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| Error::source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
