//! Faults on demand: while the file is there, calls fail as it says, for a look at what the functions make of that.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;

/// The rules, looked up for each call.
pub struct Faults(pub PathBuf);

/// One rule of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// `dynamodb`, `secretsmanager` or `ses`.
    service: String,
    /// The one operation that fails, such as `UpdateItem`; all of them where none is named.
    operation: Option<String>,
    /// What a call's body must hold.
    #[serde(default, rename = "match")]
    matches: String,
    /// The answer's status.
    status: u16,
    /// The name of AWS's exception.
    kind: String,
    #[serde(default)]
    message: String,
}

impl Faults {
    /// The answer in the place of the service's, where a rule says so. The service does not come to see the call.
    pub(super) fn answer(&self, service: &str, operation: &str, body: &[u8]) -> Option<Response> {
        let rules: Vec<Rule> = serde_json::from_slice(&std::fs::read(&self.0).ok()?)
            .inspect_err(|problem| eprintln!("{}: {problem}", self.0.display()))
            .ok()?;
        let body = String::from_utf8_lossy(body);
        let rule = rules.into_iter().find(|rule| {
            rule.service == service
                && rule.operation.as_ref().is_none_or(|it| it == operation)
                && body.contains(&rule.matches)
        })?;
        eprintln!("{service} {operation} fails as asked: {}", rule.kind);
        let status = StatusCode::from_u16(rule.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = json!({"__type": rule.kind, "message": rule.message}).to_string();
        Some((status, [("content-type", super::JSON), ("x-amzn-errortype", &rule.kind)], answer).into_response())
    }
}
