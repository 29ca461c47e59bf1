//! Route, parameters, and strict JSON body of a request.

use crate::ApiError;
use guichet_domain::account::AccountName;
use guichet_domain::password::{Password, PasswordPolicy};
use guichet_domain::person::PersonName;
use lambda_http::http::header;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use secrecy::SecretString;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// In bytes.
const MAX_BODY: usize = 4096;

/// The route that the gateway matched, such as `POST /api/reset`. The path itself is not used, because it has many
/// spellings.
#[must_use]
pub fn route(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref().unwrap_or_default(),
        _ => "",
    }
}

/// A path parameter, such as `id`; empty if there is none.
#[must_use]
pub fn path_parameter(request: &Request, name: &str) -> String {
    request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default().to_owned()
}

/// Limits the size of the body and requires `application/json`.
pub(crate) fn require_json(request: &Request) -> Result<(), ApiError> {
    if request.body().len() > MAX_BODY {
        return Err(ApiError::TooLarge);
    }
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json").then_some(()).ok_or(ApiError::NotJson)
}

/// Parses the body: one JSON object with exactly the fields of `T` (which must deny unknown ones), each once.
pub fn json_body<T: DeserializeOwned>(request: &Request) -> Result<T, ApiError> {
    let body: &[u8] = request.body();
    // serde also accepts an array for a struct.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::InvalidRequest);
    }
    serde_json::from_slice(body).map_err(|_| ApiError::InvalidRequest)
}

/// For `deserialize_with`: an enum as a string. serde alone also accepts `{"me": null}` for `"me"`.
pub fn string_enum<'de, D: Deserializer<'de>, T: DeserializeOwned>(field: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(field)?.into_deserializer())
}

/// A new password that matches its confirmation and the policy for this person.
pub fn new_password(
    input: &SecretString,
    confirmation: &SecretString,
    policy: PasswordPolicy,
    account: &AccountName,
    name: &PersonName,
) -> Result<Password, ApiError> {
    let password = Password::from_input(input);
    if password != Password::from_input(confirmation) {
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
        require_json(&request)?;
        json_body::<Fields>(&request).map(|fields| fields.account)
    }

    #[test]
    fn json_body_accepts_one_object_with_its_fields() {
        for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/json;"] {
            assert_eq!(read(content_type, br#" {"account": "a"} "#).unwrap(), "a");
        }
    }

    #[test]
    fn json_body_rejects_everything_else() {
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
