//! The JSON protocols of AWS.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub const JSON: &str = "application/x-amz-json-1.0";

/// The access key that signed a request. A function's key is its logical id.
pub struct Caller(pub String);

impl Caller {
    /// Reads `Credential=KEY/…` of the Authorization header.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get("authorization")?.to_str().ok()?;
        let (_, credential) = header.split_once("Credential=")?;
        let (key, _) = credential.split_once('/')?;
        Some(Self(key.to_owned()))
    }
}

pub fn ok(body: &Value) -> Response {
    (StatusCode::OK, [("content-type", JSON)], body.to_string()).into_response()
}

/// `kind` is the name of the exception.
pub fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    error_with_body(status, kind, &json!({"__type": kind, "message": message, "Message": message}))
}

pub fn error_with_body(status: StatusCode, kind: &str, body: &Value) -> Response {
    (status, [("content-type", JSON), ("x-amzn-errortype", kind)], body.to_string()).into_response()
}

pub fn bad_request(kind: &str, message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, kind, message)
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn caller_is_the_signing_access_key() {
        let caller = |value: &'static str| {
            let headers = HeaderMap::from_iter([("authorization".parse().unwrap(), HeaderValue::from_static(value))]);
            Caller::from_headers(&headers).map(|caller| caller.0)
        };
        let signed = "AWS4-HMAC-SHA256 Credential=LoginFunction/20260101/ca-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(caller(signed).as_deref(), Some("LoginFunction"));
        assert_eq!(caller("Bearer x"), None);
    }
}
