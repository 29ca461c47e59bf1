//! The one list of refusals, as RFC 9457 problem details with a stable `code`.

use crate::reply::{Response, bytes};
use guichet_core::account::NotAnAccountName;
use guichet_core::keys::KeyError;
use guichet_core::password::{HashingError, Violation};
use guichet_core::store::StoreError;
use guichet_core::throttle::UNTIL_A_LINK;
use lambda_http::http::{HeaderValue, StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// `Retry-After` of what is down.
const A_MOMENT: Duration = Duration::from_secs(5);

/// A refusal. What it knows of its reason goes to the log, never to the client.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Not the JSON that the route takes.
    #[error("the request is not what this route takes")]
    InvalidRequest,
    /// A link that nobody was mailed.
    #[error("no such link")]
    LinkUnknown,
    /// A link whose time is over.
    #[error("the link has expired")]
    LinkExpired,
    /// A link that was used, or is outdated by a change or a deactivation.
    #[error("the link was used")]
    LinkUsed,
    /// The new password breaks the rule.
    #[error("the password is refused")]
    PasswordRefused(Vec<Violation>),
    /// The two new passwords are not the same.
    #[error("the confirmation differs")]
    ConfirmationDiffers,
    /// Wrong account, wrong password, no password, inactive: which one is not told.
    #[error("the account or the password is wrong")]
    InvalidCredentials,
    /// No session, or one that is over.
    #[error("nobody is signed in")]
    NotSignedIn,
    /// Not one of the person's open sessions.
    #[error("no such session")]
    SessionUnknown,
    /// Accounts are looked up from managed networks only.
    #[error("the network is not a managed one")]
    NetworkNotManaged,
    /// Another site's page sent this.
    #[error("the request comes from another site")]
    CrossSite,
    /// Over 4 KiB.
    #[error("the body is too large")]
    TooLarge,
    /// Not `application/json`.
    #[error("the body is not application/json")]
    NotJson,
    /// The budget is spent, for so long.
    #[error("too many attempts")]
    TooManyAttempts(Duration),
    /// Something that is needed does not answer.
    #[error("something that is needed does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gateway has no such route; it should not have asked.
    #[error("no such route")]
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
            Self::TooManyAttempts(wait) => Some((*wait).clamp(Duration::from_secs(1), UNTIL_A_LINK)),
            Self::Unavailable(_) => Some(A_MOMENT),
            _ => None,
        }
    }

    /// The answer that the client gets.
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

impl From<NotAnAccountName> for ApiError {
    fn from(_: NotAnAccountName) -> Self {
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
