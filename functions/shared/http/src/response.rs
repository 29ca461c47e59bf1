//! Responses, with the security headers of every response.

use crate::cookie;
use guichet_domain::person::Language;
use guichet_domain::session::{Remember, SessionToken};
use lambda_http::Body;
use lambda_http::http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

pub type Response = lambda_http::Response<Body>;

/// On every response: no caching, sniffing, framing, or script execution.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// 200 with a JSON body.
#[must_use]
pub fn json(body: &impl Serialize) -> Response {
    with_json(StatusCode::OK, body)
}

/// 202 `{}`, whether the account exists or not.
#[must_use]
pub fn accepted() -> Response {
    with_json(StatusCode::ACCEPTED, &serde_json::json!({}))
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    bytes(StatusCode::NO_CONTENT, "", Body::Empty)
}

fn with_json(status: StatusCode, body: &impl Serialize) -> Response {
    // The responses are maps of strings and numbers, which always serialize.
    let body = serde_json::to_string(body).unwrap_or_default();
    bytes(status, "application/json; charset=utf-8", body)
}

/// `Set-Cookie` of the session. It outlives the browser only with [`Remember::Me`].
#[must_use]
pub fn session_cookie(token: &SessionToken, remember: Remember) -> String {
    let lifetime = (remember == Remember::Me).then(|| remember.absolute_timeout());
    cookie::session(&token.expose(), lifetime)
}

/// 204 that deletes the session cookie and the browser's cached pages, so that the back button shows nothing to the
/// next user of a shared workstation. The remembered name and the device cookie stay.
#[must_use]
pub fn signed_out() -> Response {
    let mut response = with_cookie(no_content(), &cookie::session("", Some(std::time::Duration::ZERO)));
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

/// Adds `Content-Language` with the user's preference (RFC 9110, 8.5), to which the pages switch.
#[must_use]
pub fn with_content_language(language: Language, mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    response
}

#[must_use]
pub fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
