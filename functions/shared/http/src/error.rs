//! The API's errors, as RFC 9457 problem details with a stable `code`.

use crate::response::{Response, bytes};
use guichet_domain::account::InvalidAccountName;
use guichet_domain::attempt_limits::LOCKED_RETRY_AFTER;
use guichet_domain::password::{HashingError, Violation};
use guichet_platform::secrets::KeyError;
use guichet_store::StoreError;
use lambda_http::http::{HeaderValue, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// `Retry-After` while a dependency is unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// An error response. Its source goes to the log, never to the client.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("The request body is invalid")]
    InvalidRequest,
    #[error("Unknown link")]
    LinkUnknown,
    #[error("The link has expired; request a new one")]
    LinkExpired,
    /// Used, or revoked by a password change or a deactivation.
    #[error("The link was used or revoked; request a new one")]
    LinkUsed,
    #[error("The password violates the password policy")]
    PasswordRefused(Vec<Violation>),
    #[error("The confirmation differs from the password")]
    ConfirmationDiffers,
    /// Unknown account, wrong password, no password, or inactive account: the response does not say which.
    #[error("Wrong account or password")]
    InvalidCredentials,
    #[error("Not signed in")]
    NotSignedIn,
    /// Not an active session of the account.
    #[error("Unknown session")]
    SessionUnknown,
    #[error("Account search is available on managed networks only")]
    NetworkNotManaged,
    /// CSRF, or a wrong origin secret.
    #[error("The request comes from another site")]
    CrossSite,
    #[error("The request body is larger than 4 KiB")]
    TooLarge,
    #[error("The content type must be application/json")]
    NotJson,
    /// Carries the time for `Retry-After`.
    #[error("Too many attempts; retry later")]
    TooManyAttempts(Duration),
    #[error("A required service is unavailable; retry later")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gateway forwards only described routes, so this is a deployment error.
    #[error("Unknown route")]
    NoRoute,
}

impl ApiError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid-request"),
            Self::LinkUnknown => (StatusCode::NOT_FOUND, "link-unknown"),
            Self::LinkExpired => (StatusCode::GONE, "link-expired"),
            Self::LinkUsed => (StatusCode::GONE, "link-used"),
            Self::PasswordRefused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "password-refused"),
            Self::ConfirmationDiffers => (StatusCode::UNPROCESSABLE_ENTITY, "confirmation-differs"),
            Self::InvalidCredentials => (StatusCode::UNAUTHORIZED, "invalid-credentials"),
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "not-signed-in"),
            Self::SessionUnknown => (StatusCode::NOT_FOUND, "session-unknown"),
            Self::NetworkNotManaged => (StatusCode::FORBIDDEN, "network-not-managed"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross-site"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no-route"),
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.status_and_code().1
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts(wait) => Some((*wait).clamp(Duration::from_secs(1), LOCKED_RETRY_AFTER)),
            Self::Unavailable(_) => Some(RETRY_AFTER),
            _ => None,
        }
    }

    #[must_use]
    pub fn response(&self) -> Response {
        let (status, code) = self.status_and_code();
        let mut problem = json!({
            "type": format!("urn:guichet:problem:{code}"),
            "title": self.to_string(),
            "status": status.as_u16(),
            "code": code,
        });
        if let Self::PasswordRefused(violations) = self {
            problem["violations"] = json!(violations);
        }
        let mut response = bytes(status, "application/problem+json; charset=utf-8", problem.to_string());
        if let Some(wait) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

impl From<InvalidAccountName> for ApiError {
    fn from(_: InvalidAccountName) -> Self {
        Self::InvalidRequest
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<HashingError> for ApiError {
    fn from(error: HashingError) -> Self {
        Self::Unavailable(error.into())
    }
}
