//! Metrics, as log lines in CloudWatch's embedded metric format: they need no call and no extension. The template's
//! alarms and dashboard read them in the namespace `Guichet`.

use crate::{clock, env, process};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    SignedIn,
    /// A sign-in was refused after the password was verified.
    SignInRefused,
    /// Passwords from untrusted sources are not verified for an hour.
    CircuitBreakerOpened,
    /// A request carried an origin secret that is not the edge's.
    EdgeSecretWrong,
    /// SES accepted a mail.
    EmailsSent,
    /// A mail was requested and will not be sent.
    EmailsFailed,
    /// A request waits for the email rate limit or for SES; counted at each attempt.
    EmailsDeferred,
    /// Age of the oldest waiting request; 0 if there is none.
    OldestRequestSeconds,
    /// Time since the last import.
    DirectoryAgeSeconds,
}

impl Metric {
    const fn name_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Self::SignedIn => ("SignedIn", "Count"),
            Self::SignInRefused => ("SignInRefused", "Count"),
            Self::CircuitBreakerOpened => ("CircuitBreakerOpened", "Count"),
            Self::EdgeSecretWrong => ("EdgeSecretWrong", "Count"),
            Self::EmailsSent => ("EmailsSent", "Count"),
            Self::EmailsFailed => ("EmailsFailed", "Count"),
            Self::EmailsDeferred => ("EmailsDeferred", "Count"),
            Self::OldestRequestSeconds => ("OldestRequestSeconds", "Seconds"),
            Self::DirectoryAgeSeconds => ("DirectoryAgeSeconds", "Seconds"),
        }
    }
}

pub fn increment(metric: Metric) {
    record(metric, 1);
}

/// Records a value with the dimension `Stack`, whose value is the variable `STACK`.
pub fn record(metric: Metric, value: u64) {
    process::print_line(&line(metric, value, &env::optional("STACK").unwrap_or_default(), clock::now_millis()));
}

fn line(metric: Metric, value: u64, stack: &str, millis: u64) -> String {
    let (name, unit) = metric.name_and_unit();
    let definition =
        json!({ "Namespace": "Guichet", "Dimensions": [["Stack"]], "Metrics": [{ "Name": name, "Unit": unit }] });
    json!({ "_aws": { "Timestamp": millis, "CloudWatchMetrics": [definition] }, "Stack": stack, name: value })
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_line_has_embedded_metric_format() {
        let line: serde_json::Value =
            serde_json::from_str(&line(Metric::EmailsSent, 3, "guichet", 1_764_000_000_000)).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_764_000_000_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Guichet", "Dimensions": [["Stack"]], "Metrics": [{ "Name": "EmailsSent", "Unit": "Count" }],
                    }],
                },
                "Stack": "guichet",
                "EmailsSent": 3,
            })
        );
    }
}
