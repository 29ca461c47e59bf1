//! AWS as the functions see it: one address that plays DynamoDB, Secrets Manager and SES.

mod dynamodb;
pub mod faults;
mod mail;
mod mail_events;
mod secrets;

pub use dynamodb::{Engine, EngineError};
pub use faults::{Faults, Mode};
pub use mail_events::Kind;
pub use secrets::Secrets;

use crate::bus::Bus;
use crate::mailbox::Mailbox;
use crate::permissions::Permissions;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use guichet_cfn::iam::AuthorizationError;
use guichet_deploy::stack_info::OPERATOR;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// DynamoDB's limit on a request.
const MAX_BODY: usize = 16 * 1024 * 1024;
const JSON: &str = "application/x-amz-json-1.0";
/// Where the calls that were made can be read.
const CALLS: &str = "/_local/calls";

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
    /// What is to go wrong.
    pub faults: Arc<Faults>,
    /// Where SES tells what becomes of mails.
    pub bus: Bus,
    /// How often each caller made each call.
    pub calls: Mutex<BTreeMap<String, u64>>,
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

/// Serves them at an address that takes no connections while it is asked not to.
pub async fn serve_ses(services: Arc<Services>, address: SocketAddr, listener: TcpListener) {
    const LOOK: Duration = Duration::from_millis(50);
    let (mut open, faults) = (Some(listener), Arc::clone(&services.faults));
    loop {
        if let Some(listener) = open.take() {
            let faults = Arc::clone(&faults);
            let closing = async move {
                while !faults.ses_refuses() {
                    tokio::time::sleep(LOOK).await;
                }
            };
            let served = axum::serve(listener, router(Arc::clone(&services))).with_graceful_shutdown(closing).await;
            served.unwrap_or_else(|error| eprintln!("SES is played no more: {error}"));
        }
        tokio::time::sleep(LOOK).await;
        if !faults.ses_refuses() {
            open = TcpListener::bind(address).await.ok();
        }
    }
}

async fn answer(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET && parts.uri.path() == CALLS {
        return axum::Json(&*services.calls.lock().unwrap_or_else(PoisonError::into_inner)).into_response();
    }
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
    let (service, operation, allowed) = match target.split_once('.') {
        Some(("DynamoDB_20120810" | "DynamoDBStreams_20120810", operation)) => {
            ("dynamodb", operation, permissions.dynamodb(&caller.0, operation, &body))
        }
        Some(("secretsmanager", operation @ "GetSecretValue")) => {
            ("secretsmanager", operation, permissions.get_secret_value(&caller.0, &body))
        }
        _ if parts.method == Method::POST && parts.uri.path() == "/v2/email/outbound-emails" => {
            ("ses", "SendEmail", permissions.send_email(&caller.0, &body))
        }
        _ => {
            let path = parts.uri.path();
            eprintln!("{} asked AWS for {} {path} {target}, which is not played here", caller.0, parts.method);
            return error("UnknownOperationException", "This operation is not played by the local stack");
        }
    };
    services.count(caller, service, operation);
    if let Err(refusal) = allowed {
        return refused(if service == "ses" { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST }, &refusal);
    }
    let perform = async {
        match service {
            "dynamodb" => services.engine.pass_on(caller, parts, body.clone()).await,
            "secretsmanager" => services.secrets.get(&body),
            _ => mail::send(services, &body).await,
        }
    };
    // Whoever looks at what a fault does is not met by it.
    let hit = if caller.0 == OPERATOR { None } else { services.faults.hit(service, operation, &body) };
    match hit {
        Some(mode) => mode.answer(service, operation, &body, perform).await,
        None => perform.await,
    }
}

impl Services {
    fn count(&self, caller: &Caller, service: &str, operation: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(format!("{} {service} {operation}", caller.0)).or_default() += 1;
    }
}

fn refused(status: StatusCode, refusal: &AuthorizationError) -> Response {
    match refusal {
        AuthorizationError::UnknownPrincipal(_) => {
            let message = "The security token included in the request is invalid.";
            failed(status, "UnrecognizedClientException", message)
        }
        AuthorizationError::InvalidRequest(_) => failed(status, "ValidationException", &refusal.to_string()),
        AuthorizationError::AccessDenied { .. } => failed(status, "AccessDeniedException", &refusal.to_string()),
    }
}

/// An error as the JSON protocols of AWS write it.
fn failed(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({"__type": kind, "message": message, "Message": message}).to_string();
    (status, [("content-type", JSON), ("x-amzn-errortype", kind)], body).into_response()
}

/// One of the caller's making, as most are.
fn error(kind: &str, message: &str) -> Response {
    failed(StatusCode::BAD_REQUEST, kind, message)
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
