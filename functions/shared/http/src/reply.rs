//! Responses: JSON, and the headers that every answer of the API has.

use crate::cookie;
use guichet_core::person::Language;
use guichet_core::session::{Remember, SessionTicket};
use lambda_http::Body;
use lambda_http::http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// An answer of the API.
pub type Response = lambda_http::Response<Body>;

/// On every answer: nothing of the API is kept by a cache, sniffed, framed or run.
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

/// 202 `{}`: the request is taken, and that is all that is told.
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
    // What the contract answers are maps of strings and numbers, which always serialize.
    let body = serde_json::to_string(body).unwrap_or_default();
    bytes(status, "application/json; charset=utf-8", body)
}

/// The session's cookie: it outlives the browser only where the person wants to be remembered.
#[must_use]
pub fn session_cookie(ticket: &SessionTicket, remember: Remember) -> String {
    let lifetime = (remember == Remember::Me).then(|| remember.absolute());
    cookie::session(&ticket.reveal(), lifetime)
}

/// 204 that takes the session's cookie back, and pages of the session out of the browser's memory: the back button shows
/// none to who comes next. What a person chose to be kept, their name and device, stays.
#[must_use]
pub fn signed_out() -> Response {
    let mut response = with_cookie(no_content(), &cookie::session("", Some(std::time::Duration::ZERO)));
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    response
}

/// With the language of the person who is meant (RFC 9110, 8.5), for the pages to go on in.
#[must_use]
pub fn for_one_who_speaks(language: Language, mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    response
}

/// Adds a `Set-Cookie`.
#[must_use]
pub fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
