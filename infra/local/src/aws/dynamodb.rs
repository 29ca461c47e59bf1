//! The DynamoDB engine, reached by its address: the functions' calls are passed on, and the stack makes its own.

use super::{Caller, JSON, failed};
use crate::machine;
use crate::portal_template::REGION;
use crate::wire::OF_THE_CONNECTION;
use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde_json::Value;

/// The one access key that the engine sees: DynamoDB Local keeps a database of its own for each.
const KEY: &str = "guichet";

/// A DynamoDB engine at an address.
#[derive(Clone)]
pub struct Engine {
    client: reqwest::Client,
    url: String,
}

/// Why the engine did not do what the stack asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It says no.
    #[error("{kind}: {message}")]
    Refused {
        /// The name of DynamoDB's exception.
        kind: String,
        /// Its message.
        message: String,
    },
    /// It does not answer, or not in its own way.
    #[error("no DynamoDB engine answers there")]
    Unreachable(#[source] reqwest::Error),
}

impl EngineError {
    /// One that a rule of the faults plays.
    #[must_use]
    pub fn played_by_a_fault() -> Self {
        Self::Refused { kind: "InternalServerError".into(), message: "asked for".into() }
    }

    /// Whether it is this exception of DynamoDB.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == name)
    }
}

impl Engine {
    /// The engine at `url`, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn new(client: reqwest::Client, url: &str) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Passes a call of a function on as it is, but for its access key.
    pub(super) async fn pass_on(&self, caller: &Caller, parts: &Parts, body: Bytes) -> Response {
        let mut headers = parts.headers.clone();
        headers.remove(header::HOST);
        for name in OF_THE_CONNECTION {
            headers.remove(name);
        }
        let signed = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = signed.replacen(&format!("Credential={}/", caller.0), &format!("Credential={KEY}/"), 1);
        if let Ok(signed) = HeaderValue::try_from(signed) {
            headers.insert(header::AUTHORIZATION, signed);
        }
        let answer = async {
            let request = self.client.post(format!("{}/", self.url)).headers(headers).body(body);
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, passed_back(headers), Body::from(response.bytes().await?)).into_response())
        };
        answer.await.unwrap_or_else(|cause| {
            eprintln!("the DynamoDB engine at {} does not answer: {cause}", self.url);
            failed(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the DynamoDB engine does not answer")
        })
    }

    /// Makes a call of the stack's own, such as `DynamoDB_20120810.CreateTable`.
    pub async fn call(&self, target: &str, body: &Value) -> Result<Value, EngineError> {
        let now = machine::now().to_zoned_datetime(TimeZone::UTC);
        let day = now.strftime("%Y%m%d");
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/{day}/{REGION}/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature={:064}",
            0
        );
        let request = self
            .client
            .post(format!("{}/", self.url))
            .header("content-type", JSON)
            .header("x-amz-target", target)
            .header("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string())
            .header("authorization", authorization)
            .body(body.to_string());
        let response = request.send().await.map_err(EngineError::Unreachable)?;
        let status = response.status();
        let answer: Value = response.json().await.map_err(EngineError::Unreachable)?;
        if status.is_success() {
            return Ok(answer);
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Err(EngineError::Refused {
            kind: text(&answer["__type"]).rsplit('#').next().unwrap_or_default().to_owned(),
            message: text(answer.get("message").unwrap_or(&answer["Message"])),
        })
    }

    /// Says in a sentence where no engine is.
    pub async fn check(&self) -> anyhow::Result<()> {
        let listed = self.call("DynamoDB_20120810.ListTables", &serde_json::json!({})).await;
        listed
            .map(drop)
            .with_context(|| format!("--dynamodb {}: start DynamoDB Local (or another engine) there first", self.url))
    }
}

/// The length of the answer is the server's own to write.
fn passed_back(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}
