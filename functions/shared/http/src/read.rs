//! What a request brings: its route, and a strict JSON body.

use crate::ApiError;
use guichet_core::account::AccountName;
use guichet_core::password::{Password, PasswordPolicy};
use guichet_core::person::PersonName;
use lambda_http::http::header;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// The largest body that a route takes.
const MAX_BODY: usize = 4096;

/// The route that the gateway matched, such as `POST /api/reset`. The path itself is never routed on: it can be
/// spelled in many ways.
#[must_use]
pub fn route(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref().unwrap_or_default(),
        _ => "",
    }
}

/// A parameter of the route's path, such as `id`.
#[must_use]
pub fn path_parameter(request: &Request, name: &str) -> String {
    request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default().to_owned()
}

/// Refuses a body that is too large, or not declared as `application/json`.
pub(crate) fn refuse_other_bodies(request: &Request) -> Result<(), ApiError> {
    if request.body().len() > MAX_BODY {
        return Err(ApiError::TooLarge);
    }
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json").then_some(()).ok_or(ApiError::NotJson)
}

/// Reads the body: one JSON object with just the fields of `T` (which denies unknown ones), each once.
pub fn json_body<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    let body: &[u8] = request.body();
    // serde takes an array for a struct as well.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::InvalidRequest);
    }
    serde_json::from_slice(body).map_err(|_| ApiError::InvalidRequest)
}

/// Reads a field that is one of a few words (`deserialize_with`). By itself serde takes `{"me": null}` for `"me"`, too.
pub fn word<'de, D: Deserializer<'de>, T: DeserializeOwned>(field: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(field)?.into_deserializer())
}

/// A new password, typed twice, that this person may set.
pub fn new_password(
    typed: &str,
    confirmation: &str,
    policy: PasswordPolicy,
    account: &AccountName,
    name: &PersonName,
) -> Result<Password, ApiError> {
    let password = Password::typed(typed);
    if password != Password::typed(confirmation) {
        return Err(ApiError::ConfirmationDiffers);
    }
    let violations = policy.violations(&password, account, name);
    if violations.is_empty() { Ok(password) } else { Err(ApiError::PasswordRefused(violations)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::Body;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        account: String,
    }

    fn read(content_type: &str, body: &[u8]) -> Result<String, ApiError> {
        let mut request = Request::new(Body::Binary(body.to_vec()));
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        refuse_other_bodies(&request)?;
        json_body::<Fields>(&request).map(|fields| fields.account)
    }

    #[test]
    fn one_object_with_just_its_fields_is_read() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/json;"] {
            assert_eq!(read(content_type, br#" {"account": "a"} "#).unwrap(), "a");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_own_code() {
        for content_type in ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", "text/json"] {
            assert!(matches!(read(content_type, br#"{"account": "a"}"#), Err(ApiError::NotJson)), "{content_type}");
        }
        let bodies: [&[u8]; 14] = [
            b"",
            b"{}",
            b"null",
            br#"["a"]"#,
            br#"{"account": ["a"]}"#,
            br#"{"account": 1}"#,
            br#"{"account": null}"#,
            br#"{"account": "a", "account": "b"}"#,
            br#"{"account": "a", "admin": true}"#,
            br#"{"account": "a"} x"#,
            br#"{"account": "a"}{"account": "a"}"#,
            b"\xef\xbb\xbf{\"account\": \"a\"}",
            b"{\"account\": \"\xff\"}",
            br#"{"account": "\ud800"}"#,
        ];
        for body in bodies {
            assert!(matches!(read("application/json", body), Err(ApiError::InvalidRequest)), "{body:?}");
        }
        let large = format!(r#"{{"account": "{}"}}"#, "a".repeat(4096));
        assert!(matches!(read("text/plain", large.as_bytes()), Err(ApiError::TooLarge)));
    }
}
