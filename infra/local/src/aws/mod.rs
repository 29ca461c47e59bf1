//! AWS as the functions see it: one address that plays DynamoDB, Secrets Manager and SES.

mod dynamodb;
mod faults;
mod mail;
mod secrets;

pub use dynamodb::{Engine, EngineError};
pub use faults::Faults;
pub use secrets::Secrets;

use crate::mailbox::Mailbox;
use crate::permission::{Permissions, Refusal};
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// DynamoDB's limit on a request.
const MAX_BODY: usize = 16 * 1024 * 1024;
const JSON: &str = "application/x-amz-json-1.0";

/// What stands behind the address.
pub struct Services {
    /// The DynamoDB engine.
    pub engine: Engine,
    /// Who may do what.
    pub permissions: Permissions,
    /// The values of the secrets.
    pub secrets: Arc<Secrets>,
    /// Where mails go.
    pub mailbox: Arc<Mailbox>,
    /// What is to fail.
    pub faults: Faults,
    /// The one address that SES lets mails come from.
    pub mail_from: String,
    /// The configuration sets that SES knows.
    pub configuration_sets: Vec<String>,
}

/// Who calls: the access key that signed the request, which is a function's logical id.
pub struct Caller(pub String);

impl Caller {
    /// Reads `Credential=KEY/…` of the Authorization header.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get("authorization")?.to_str().ok()?;
        let (_, credential) = header.split_once("Credential=")?;
        let (key, _) = credential.split_once('/')?;
        Some(Self(key.to_owned()))
    }
}

/// All services at one address.
pub fn router(services: Arc<Services>) -> axum::Router {
    axum::Router::new().fallback(answer).with_state(services)
}

async fn answer(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "Request size exceeded").into_response();
    };
    let Some(caller) = Caller::of(&parts.headers) else {
        return error("MissingAuthenticationTokenException", "Request is missing Authentication Token");
    };
    dispatch(&services, &caller, &parts, body).await
}

async fn dispatch(services: &Services, caller: &Caller, parts: &Parts, body: Bytes) -> Response {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let permissions = &services.permissions;
    let fault = |service, operation| services.faults.answer(service, operation, &body);
    match target.split_once('.') {
        Some(("DynamoDB_20120810" | "DynamoDBStreams_20120810", operation)) => {
            match permissions.dynamodb(&caller.0, operation, &body) {
                Ok(()) => match fault("dynamodb", operation) {
                    Some(failed) => failed,
                    None => services.engine.pass_on(caller, parts, body).await,
                },
                Err(refusal) => refused(&refusal),
            }
        }
        Some(("secretsmanager", operation @ "GetSecretValue")) => match permissions.secret(&caller.0, &body) {
            Ok(()) => fault("secretsmanager", operation).unwrap_or_else(|| services.secrets.get(&body)),
            Err(refusal) => refused(&refusal),
        },
        _ if parts.method == Method::POST && parts.uri.path() == "/v2/email/outbound-emails" => {
            match permissions.mail(&caller.0, &body) {
                Ok(()) => match fault("ses", "SendEmail") {
                    Some(failed) => failed,
                    None => mail::send(services, body).await,
                },
                Err(refusal) => {
                    let mut response = refused(&refusal);
                    *response.status_mut() = StatusCode::FORBIDDEN;
                    response
                }
            }
        }
        _ => {
            eprintln!(
                "{} asked AWS for {} {} {target}, which is not played here",
                caller.0,
                parts.method,
                parts.uri.path()
            );
            error("UnknownOperationException", "This operation is not played by the local stack")
        }
    }
}

fn refused(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::UnknownKey => {
            error("UnrecognizedClientException", "The security token included in the request is invalid.")
        }
        Refusal::Unclear(why) => error("ValidationException", &format!("The call cannot be judged: {why}")),
        Refusal::Denied(message) => error("AccessDeniedException", message),
    }
}

/// An error as the JSON protocols of AWS write it.
fn error(kind: &str, message: &str) -> Response {
    let body = json!({"__type": kind, "message": message, "Message": message}).to_string();
    (StatusCode::BAD_REQUEST, [("content-type", JSON), ("x-amzn-errortype", kind)], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn the_caller_is_the_key_that_signed() {
        let caller = |value: &'static str| {
            let headers = HeaderMap::from_iter([("authorization".parse().unwrap(), HeaderValue::from_static(value))]);
            Caller::of(&headers).map(|caller| caller.0)
        };
        let signed = "AWS4-HMAC-SHA256 Credential=LoginFunction/20260101/ca-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(caller(signed).as_deref(), Some("LoginFunction"));
        assert_eq!(caller("Bearer x"), None);
    }
}
