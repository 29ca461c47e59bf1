//! From API Gateway's event to a handler and back.

use crate::{ApiError, Response};
use futures_util::FutureExt;
use guichet_platform::log::{self, error_chain};
use lambda_http::http::{HeaderName, HeaderValue};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::request::LambdaRequest;
use lambda_http::{Error, Request, service_fn, tracing};
use serde_json::{Map, Value, json};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// The headers that any function reads.
const READ_HEADERS: [&str; 8] = [
    "authorization",
    "content-type",
    "cookie",
    "origin",
    "sec-fetch-site",
    "user-agent",
    "x-guichet-origin-secret",
    "x-viewer-address",
];

/// Handles events until the process ends. An error becomes its response and is logged here, once, with its chain if the
/// client did not cause it.
pub async fn serve<Context, Handler, Handled>(context: Context, handle: Handler) -> Result<(), Error>
where
    Context: Send + Sync + 'static,
    Handler: Fn(Arc<Context>, Request) -> Handled,
    Handled: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    log::init();
    let context = Arc::new(context);
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let context = Arc::clone(&context);
        async move { respond(context, handle, &event.payload).await }
    }))
    .await
}

/// Handles one event of the gateway.
pub async fn respond<Context, Handled>(
    context: Arc<Context>,
    handle: impl Fn(Arc<Context>, Request) -> Handled,
    event: &Value,
) -> Result<Value, Error>
where
    Handled: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    let request = Request::from(serde_json::from_value::<LambdaRequest>(sanitize_event(event))?);
    let route = crate::route(&request).to_owned();
    Ok(to_apigw_response(&catch_panic(&route, handle(context, request).boxed()).await))
}

/// A response in payload format 2.0
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>). All
/// bodies are text; `lambda_http`'s own conversion contains the tables of every charset.
fn to_apigw_response(response: &Response) -> Value {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), Value::from(String::from_utf8_lossy(value.as_bytes())))
    };
    let (cookies, headers): (Vec<_>, Vec<_>) =
        response.headers().iter().map(text).partition(|(name, _)| name == "set-cookie");
    json!({
        "statusCode": response.status().as_u16(),
        "headers": headers.into_iter().collect::<Map<_, _>>(),
        "cookies": cookies.into_iter().map(|(_, cookie)| cookie).collect::<Vec<_>>(),
        "body": String::from_utf8_lossy(response.body()),
        "isBase64Encoded": false,
    })
}

/// Reduces an event to what the functions read. `lambda_http` panics on a malformed query, `Host`, or
/// `X-Forwarded-Proto`, and rejects an event with a non-ASCII header; a client must not be able to cause either.
#[must_use]
pub fn sanitize_event(event: &Value) -> Value {
    let valid = |(name, value): (&&str, &Value)| {
        let text = value.as_str()?;
        HeaderValue::from_str(text).ok().map(|_| ((*name).to_owned(), Value::from(text)))
    };
    let mut headers: Map<String, Value> =
        READ_HEADERS.iter().filter_map(|name| Some((name, event["headers"].get(name)?))).filter_map(valid).collect();
    if let Some(cookies) = event["cookies"].as_array() {
        let cookies: Vec<_> = cookies.iter().filter_map(Value::as_str).collect();
        headers.extend(valid((&"cookie", &Value::from(cookies.join("; ")))));
    }
    let context = &event["requestContext"];
    json!({
        "version": "2.0",
        "routeKey": event["routeKey"],
        "rawPath": "/",
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": event.get("pathParameters").unwrap_or(&json!({})),
        "body": event["body"],
        "isBase64Encoded": event["isBase64Encoded"].as_bool().unwrap_or(false),
        "requestContext": {
            "routeKey": event["routeKey"],
            "http": { "method": context["http"]["method"], "sourceIp": context["http"]["sourceIp"] },
        },
    })
}

/// A panic gets the response of a server error and ends only its own request.
async fn catch_panic(route: &str, response: impl Future<Output = Result<Response, ApiError>>) -> Response {
    let response = AssertUnwindSafe(response).catch_unwind().await;
    let response = response.unwrap_or_else(|_| Err(ApiError::Unavailable("a handler panicked".into())));
    response.unwrap_or_else(|error| error_response(route, &error))
}

fn error_response(route: &str, error: &ApiError) -> Response {
    if let ApiError::Unavailable(reason) = error {
        tracing::error!(route, error.chain = error_chain(&**reason), "dependency unavailable");
    } else {
        tracing::info!(route, code = error.code(), "request refused");
    }
    error.response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::RequestExt;

    #[tokio::test]
    async fn panic_is_answered_with_503() {
        let response = catch_panic("GET /", async { panic!("test") }).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(response.headers().contains_key("retry-after"));
    }

    #[test]
    fn response_keeps_cookies_separate() {
        let mut response = Response::new("{}".into());
        for cookie in ["a=1", "b=2"] {
            response.headers_mut().append("set-cookie", HeaderValue::from_static(cookie));
        }
        response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
        let expected = json!({
            "statusCode": 200, "headers": { "cache-control": "no-store" }, "cookies": ["a=1", "b=2"], "body": "{}",
            "isBase64Encoded": false,
        });
        assert_eq!(to_apigw_response(&response), expected);
    }

    #[test]
    fn sanitize_event_accepts_malformed_events() {
        let event = json!({
            "version": "2.0",
            "routeKey": "DELETE /api/sessions/{id}",
            "rawPath": "/api/%zz/../\u{0}",
            "rawQueryString": "a=%zz& \u{7f}é",
            "cookies": ["a=é", "b=\u{1}"],
            "headers": {
                "host": "a b\u{7f}", "x-forwarded-proto": ":/", "x-any": "é", "content-type": "a\nb", "origin": "https://a.example",
            },
            "pathParameters": { "id": "%zz" },
            "requestContext": {
                "http": { "method": "DELETE", "path": "é", "sourceIp": "::1", "userAgent": "é" }, "domainName": "é:é",
            },
        });
        let request = Request::from(serde_json::from_value::<LambdaRequest>(sanitize_event(&event)).unwrap());
        assert_eq!(crate::route(&request), "DELETE /api/sessions/{id}");
        assert_eq!(request.method(), "DELETE");
        assert_eq!(request.path_parameters().first("id"), Some("%zz"));
        assert_eq!(request.headers().keys().map(lambda_http::http::HeaderName::as_str).collect::<Vec<_>>(), ["origin"]);
    }
}
