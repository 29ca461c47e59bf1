//! The HTTP response of a function's answer, payload format 2.0.

use crate::http_proxy::HOP_BY_HOP_HEADERS;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: Option<BTreeMap<String, Value>>,
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

pub fn build(answer: &[u8]) -> anyhow::Result<Response> {
    let answer: Answer = serde_json::from_slice(answer)?;
    let many = answer.multi_value_headers.unwrap_or_default();
    let single = answer.headers.unwrap_or_default().into_iter().filter(|(name, _)| !many.contains_key(name));
    let single: Vec<_> = single.collect();
    let headers =
        many.into_iter().flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
    let body = match answer.body {
        Some(body) if answer.is_base64_encoded == Some(true) => STANDARD.decode(body)?,
        body => body.unwrap_or_default().into_bytes(),
    };
    let status = StatusCode::from_u16(answer.status_code)?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in headers.chain(single) {
        let name: HeaderName = name.parse()?;
        if HOP_BY_HOP_HEADERS.contains(&name) {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        response.headers_mut().append(name, HeaderValue::try_from(value)?);
    }
    for cookie in answer.cookies.unwrap_or_default() {
        let cookie = HeaderValue::try_from(cookie)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::build;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn function_answer_becomes_response() {
        let response = build(
            br#"{"statusCode": 202, "headers": {"content-type": "application/json", "vary": "x", "content-length": "9"},
                "multiValueHeaders": {"vary": ["a", "b"]}, "cookies": ["a=1; Path=/", "b=2"],
                "body": "e30=", "isBase64Encoded": true}"#,
        )
        .unwrap();
        assert_eq!(response.status(), 202);
        let all = |name| {
            response.headers().get_all(name).into_iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(all("content-type"), ["application/json"]);
        assert_eq!(all("vary"), ["a", "b"]);
        assert_eq!(all("set-cookie"), ["a=1; Path=/", "b=2"]);
        assert!(all("content-length").is_empty());
        assert_eq!(to_bytes(response.into_body(), 10).await.unwrap(), "{}");
    }

    #[test]
    fn malformed_function_answer_is_an_error() {
        for answer in ["", "null", "{}", r#"{"statusCode": 42}"#, r#"{"statusCode": 200, "headers": {"a b": "c"}}"#] {
            assert!(build(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
