//! A DynamoDB engine at an address. Functions' calls are forwarded to it, and the stack makes its own.

use super::protocol::{Caller, JSON, error};
use crate::host;
use crate::http_proxy::remove_hop_by_hop_headers;
use crate::portal_template::REGION;
use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;
use serde_json::Value;

/// The only access key that the engine sees: DynamoDB Local has a database for each.
const ACCESS_KEY: &str = "guichet";

#[derive(Clone)]
pub struct Engine {
    client: reqwest::Client,
    url: String,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{kind}: {message}")]
    Refused {
        /// The name of DynamoDB's exception.
        kind: String,
        message: String,
    },
    #[error("the DynamoDB engine does not respond")]
    Unreachable(#[from] reqwest::Error),
}

impl EngineError {
    /// The error of a fault.
    #[must_use]
    pub fn injected() -> Self {
        Self::Refused { kind: "InternalServerError".into(), message: "injected fault".into() }
    }

    /// Whether it is this exception of DynamoDB.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == name)
    }
}

impl Engine {
    /// `url` is such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn new(client: reqwest::Client, url: &str) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned() }
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Forwards a function's call with the engine's access key.
    pub(super) async fn forward(&self, caller: &Caller, parts: &Parts, body: Bytes) -> Response {
        let mut headers = parts.headers.clone();
        headers.remove(header::HOST);
        remove_hop_by_hop_headers(&mut headers);
        let authorization =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let authorization =
            authorization.replacen(&format!("Credential={}/", caller.0), &format!("Credential={ACCESS_KEY}/"), 1);
        if let Ok(authorization) = HeaderValue::try_from(authorization) {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        let response = async {
            let request = self.client.post(format!("{}/", self.url)).headers(headers).body(body);
            let response = request.send().await?;
            let (status, mut headers) = (response.status(), response.headers().clone());
            remove_hop_by_hop_headers(&mut headers);
            Ok::<_, reqwest::Error>((status, headers, Body::from(response.bytes().await?)).into_response())
        };
        response.await.unwrap_or_else(|cause| {
            console!("the DynamoDB engine at {} does not respond: {cause}", self.url);
            error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the DynamoDB engine does not respond")
        })
    }

    /// Makes a call of the stack's own. `target` is such as `DynamoDB_20120810.CreateTable`.
    pub async fn call(&self, target: &str, body: &Value) -> Result<Value, EngineError> {
        let now = host::now().to_zoned_datetime(TimeZone::UTC);
        let day = now.strftime("%Y%m%d");
        // Engines parse the signature but do not verify it.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{day}/{REGION}/dynamodb/aws4_request, \
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
        let response = request.send().await?;
        let status = response.status();
        let answer: Value = response.json().await?;
        if status.is_success() {
            return Ok(answer);
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Err(EngineError::Refused {
            kind: text(&answer["__type"]).rsplit('#').next().unwrap_or_default().to_owned(),
            message: text(answer.get("message").unwrap_or(&answer["Message"])),
        })
    }

    /// Fails if there is no engine at the address.
    pub async fn check(&self) -> anyhow::Result<()> {
        let listed = self.call("DynamoDB_20120810.ListTables", &serde_json::json!({})).await;
        let context = || format!("--dynamodb {}: start DynamoDB Local or another engine there first", self.url);
        listed.map(drop).with_context(context)
    }
}
