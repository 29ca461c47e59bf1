//! Checks a call's permission, and passes it to its service, unless a fault is set for it.

use super::dynamodb::Engine;
use super::protocol::{Caller, bad_request, error};
use super::secrets::SecretStore;
use super::ses::Ses;
use crate::faults::Faults;
use crate::permissions::Permissions;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use guichet_cfn::iam::AuthorizationError;
use guichet_deploy::stack_info::OPERATOR;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// DynamoDB's limit.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Returns how often each caller made each call.
const CALLS: &str = "/_local/calls";

pub struct Services {
    pub engine: Engine,
    pub permissions: Permissions,
    pub secrets: Arc<SecretStore>,
    pub ses: Ses,
    pub faults: Arc<Faults>,
    /// By `CALLER SERVICE OPERATION`.
    pub calls: Mutex<BTreeMap<String, u64>>,
}

pub fn router(services: Arc<Services>) -> axum::Router {
    axum::Router::new().fallback(respond).with_state(services)
}

/// Serves the same at an address that refuses connections while a fault says so.
pub async fn serve_ses(services: Arc<Services>, address: SocketAddr, listener: TcpListener) {
    const POLL_INTERVAL: Duration = Duration::from_millis(50);
    let (mut listener, faults) = (Some(listener), Arc::clone(&services.faults));
    loop {
        if let Some(listener) = listener.take() {
            let faults = Arc::clone(&faults);
            let refused = async move {
                while !faults.ses_refuses_connections() {
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            };
            let served = axum::serve(listener, router(Arc::clone(&services))).with_graceful_shutdown(refused).await;
            served.unwrap_or_else(|error| console!("cannot serve SES: {error}"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        if !faults.ses_refuses_connections() {
            listener = TcpListener::bind(address).await.ok();
        }
    }
}

async fn respond(State(services): State<Arc<Services>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET && parts.uri.path() == CALLS {
        return axum::Json(&*services.calls.lock().unwrap_or_else(PoisonError::into_inner)).into_response();
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "Request size exceeded").into_response();
    };
    let Some(caller) = Caller::from_headers(&parts.headers) else {
        return bad_request("MissingAuthenticationTokenException", "Request is missing Authentication Token");
    };
    dispatch(&services, &caller, &parts, body).await
}

async fn dispatch(services: &Services, caller: &Caller, parts: &Parts, body: Bytes) -> Response {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let permissions = &services.permissions;
    let (service, operation, authorization) = match target.split_once('.') {
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
            console!("not emulated: {} {} {target}, called by {}", parts.method, parts.uri.path(), caller.0);
            return bad_request("UnknownOperationException", "The local stack does not emulate this operation");
        }
    };
    services.count(caller, service, operation);
    if let Err(error) = authorization {
        return denied(if service == "ses" { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST }, &error);
    }
    let perform = async {
        match service {
            "dynamodb" => services.engine.forward(caller, parts, body.clone()).await,
            "secretsmanager" => services.secrets.get_secret_value(&body),
            _ => services.ses.send_email(&body).await,
        }
    };
    // Tests inspect the stack as the operator while faults are set.
    let fault = if caller.0 == OPERATOR { None } else { services.faults.hit(service, operation, &body) };
    match fault {
        Some(mode) => mode.respond(service, operation, &body, perform).await,
        None => perform.await,
    }
}

impl Services {
    fn count(&self, caller: &Caller, service: &str, operation: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(format!("{} {service} {operation}", caller.0)).or_default() += 1;
    }
}

fn denied(status: StatusCode, reason: &AuthorizationError) -> Response {
    match reason {
        AuthorizationError::UnknownPrincipal(_) => {
            let message = "The security token included in the request is invalid.";
            error(status, "UnrecognizedClientException", message)
        }
        AuthorizationError::InvalidRequest(_) => error(status, "ValidationException", &reason.to_string()),
        AuthorizationError::AccessDenied { .. } => error(status, "AccessDeniedException", &reason.to_string()),
    }
}
