use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guichet_http::fuzzing::sanitize_event;
use guichet_http::{path_parameter, route};
use lambda_http::Request;
use lambda_http::http::HeaderValue;
use lambda_http::request::LambdaRequest;
use serde_json::{Map, Value, json};

const ROUTE: &str = "DELETE /api/sessions/{id}";
/// The headers that functions read. The event has cookies in a separate list.
const HEADERS: [&str; 5] = ["authorization", "content-type", "origin", "sec-fetch-site", "user-agent"];

/// Every event that the gateway can build from a client's request reaches the handler, with exactly the parts that
/// functions read, unchanged.
///
/// The input is a simplified HTTP request: a path, header lines, an empty line, and a body.
pub fn event(data: &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let body = data.get(end + 2..).unwrap_or_default();
    let head = String::from_utf8_lossy(&data[..end]);
    let (path, lines) = head.split_once('\n').unwrap_or((&head, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));

    let mut headers = Map::new();
    let mut cookies = Vec::new();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(':')) {
        match name.to_lowercase().as_str() {
            "cookie" => cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned())),
            name => drop(headers.insert(name.to_owned(), value.trim().into())),
        }
    }
    let (text, is_base64) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    let event = json!({
        "version": "2.0",
        "routeKey": ROUTE,
        "rawPath": path,
        "rawQueryString": query,
        "queryStringParameters": { query: path },
        "pathParameters": { "id": path },
        "cookies": cookies,
        "headers": headers,
        "body": text,
        "isBase64Encoded": is_base64,
        "requestContext": {
            "accountId": "0", "domainName": path, "routeKey": ROUTE, "stage": "$default",
            "http": { "method": "DELETE", "path": path, "sourceIp": "203.0.113.7", "userAgent": headers.get("user-agent") },
        },
    });

    let request = match serde_json::from_value::<LambdaRequest>(sanitize_event(&event)) {
        Ok(request) => Request::from(request),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(route(&request), ROUTE);
    assert_eq!(request.method(), "DELETE");
    assert_eq!(path_parameter(&request, "id"), path);
    let read: &[u8] = request.body();
    assert_eq!(read, body);
    for name in HEADERS {
        let sent = headers.get(name).and_then(Value::as_str).filter(|value| HeaderValue::from_str(value).is_ok());
        let got = request.headers().get(name).map(HeaderValue::as_bytes);
        assert_eq!(got, sent.map(str::as_bytes), "{name}");
    }
    let cookie = request.headers().get("cookie").map(HeaderValue::as_bytes);
    assert!(cookie.is_none_or(|cookie| cookie == cookies.join("; ").as_bytes()));
    assert!(request.headers().keys().all(|name| name == "cookie" || HEADERS.contains(&name.as_str())));
}
