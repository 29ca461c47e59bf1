//! Metrics, as lines of the log that CloudWatch takes them out of (the embedded metric format): no call is made and no
//! extension is needed. The template's alarms and dashboard read them in the namespace `Guichet`.

use crate::{clock, config};
use serde_json::json;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Somebody signed in.
    SignedIn,
    /// A sign-in was counted, looked at and refused.
    SignInRefused,
    /// Too much failed from outside; its passwords are not looked at for an hour.
    CircuitBreakerOpened,
    /// A request came with the proof of an edge that is not ours.
    EdgeSecretWrong,
    /// SES took a mail.
    EmailsSent,
    /// A mail that was accepted was not sent, and will not be.
    EmailsFailed,
    /// A mail waits for the brake or for SES; counted each time that one is looked at.
    EmailsDeferred,
    /// How long the oldest request for a mail waits; 0 for none.
    OldestRequestSeconds,
    /// How long ago the directory was imported.
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

/// One more.
pub fn count(metric: Metric) {
    measured(metric, 1);
}

/// So much now, of the stack that `STACK` names.
pub fn measured(metric: Metric, value: u64) {
    println!("{}", line(metric, value, config::text("STACK").as_deref().unwrap_or_default(), clock::now_millis()));
}

/// As CloudWatch wants it: the definition, the dimension and the value in one JSON object on one line.
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
    fn a_line_holds_the_definition_the_dimension_and_the_value() {
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
