//! The event of an HTTP request, payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use crate::portal_template::ACCOUNT;
use axum::http::{HeaderMap, header, request::Parts};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

pub struct HttpCall<'a> {
    pub parts: &'a Parts,
    pub body: &'a [u8],
    /// Such as `DELETE /api/sessions/{id}`.
    pub route_key: &'a str,
    pub path_parameters: &'a [(String, String)],
    /// Of the TCP connection.
    pub peer: IpAddr,
    /// The portal's.
    pub port: u16,
    pub request_id: &'a str,
    pub now: Timestamp,
}

pub fn build(call: &HttpCall<'_>) -> Value {
    let uri = &call.parts.uri;
    let peer = call.peer.to_string();
    let headers = headers(call, &peer);
    let mut event = json!({
        "version": "2.0",
        "routeKey": call.route_key,
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": call.parts.method.as_str(),
                "path": uri.path(),
                "protocol": format!("{:?}", call.parts.version),
                "sourceIp": peer,
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default(),
            },
            "requestId": call.request_id,
            "routeKey": call.route_key,
            "stage": "$default",
            "time": call.now.to_zoned_datetime(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": call.now.as_millisecond(),
        },
        "headers": headers,
        "isBase64Encoded": false,
    });
    let cookies = cookies(&call.parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
        let pairs = form_urlencoded::parse(query.as_bytes());
        event["queryStringParameters"] = joined(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())));
    }
    if !call.path_parameters.is_empty() {
        event["pathParameters"] = joined(call.path_parameters.iter().cloned());
    }
    if !call.body.is_empty() {
        if let Ok(text) = std::str::from_utf8(call.body) {
            event["body"] = text.into();
        } else {
            event["body"] = STANDARD.encode(call.body).into();
            event["isBase64Encoded"] = true.into();
        }
    }
    event
}

/// Joins the values of equal names with a comma.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        match map.get_mut(&name) {
            Some(Value::String(before)) => {
                before.push(',');
                before.push_str(&value);
            }
            _ => {
                map.insert(name, value.into());
            }
        }
    }
    Value::Object(map)
}

/// Without cookies, which the event has apart, and with the headers that the gateway adds.
fn headers(call: &HttpCall<'_>, peer: &str) -> Value {
    let replaced = ["x-forwarded-proto", "x-forwarded-port", "connection", "transfer-encoding", "cookie"];
    let sent = call.parts.headers.iter().filter(|(name, _)| !replaced.contains(&name.as_str()));
    let sent =
        sent.map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let added = [
        ("x-forwarded-for", peer.to_owned()),
        ("x-forwarded-port", call.port.to_string()),
        ("x-forwarded-proto", "http".to_owned()),
    ];
    joined(sent.chain(added.map(|(name, value)| (name.to_owned(), value))))
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines =
        headers.get_all(header::COOKIE).into_iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    let each = lines.flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>());
    each.filter(|cookie| !cookie.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{HttpCall, build};
    use axum::http::{Request, request::Parts};
    use serde_json::{Value, json};

    fn parts(request: axum::http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    fn event(parts: &Parts, body: &[u8], path_parameters: &[(String, String)]) -> Value {
        build(&HttpCall {
            parts,
            body,
            route_key: "POST /api/login",
            path_parameters,
            peer: "127.9.0.1".parse().unwrap(),
            port: 3000,
            request_id: "id",
            now: "2020-03-12T19:03:58.390Z".parse().unwrap(),
        })
    }

    #[test]
    fn event_has_payload_format_2() {
        let request = Request::post("/api/login?a=1&b=x%20y&a=2")
            .header("Host", "localhost:3000")
            .header("User-Agent", "curl/8")
            .header("Accept", "text/html")
            .header("Accept", "text/plain")
            .header("Cookie", "a=1; b=2")
            .header("Cookie", "c=3");
        assert_eq!(
            event(&parts(request), b"{}", &[("id".into(), "7".into())]),
            json!({
                "version": "2.0",
                "routeKey": "POST /api/login",
                "rawPath": "/api/login",
                "rawQueryString": "a=1&b=x%20y&a=2",
                "cookies": ["a=1", "b=2", "c=3"],
                "headers": {
                    "host": "localhost:3000",
                    "user-agent": "curl/8",
                    "accept": "text/html,text/plain",
                    "x-forwarded-for": "127.9.0.1",
                    "x-forwarded-port": "3000",
                    "x-forwarded-proto": "http",
                },
                "queryStringParameters": {"a": "1,2", "b": "x y"},
                "pathParameters": {"id": "7"},
                "requestContext": {
                    "accountId": "000000000000",
                    "apiId": "local",
                    "domainName": "localhost",
                    "domainPrefix": "localhost",
                    "http": {
                        "method": "POST",
                        "path": "/api/login",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "127.9.0.1",
                        "userAgent": "curl/8",
                    },
                    "requestId": "id",
                    "routeKey": "POST /api/login",
                    "stage": "$default",
                    "time": "12/Mar/2020:19:03:58 +0000",
                    "timeEpoch": 1_584_039_838_390_i64,
                },
                "body": "{}",
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn event_omits_missing_fields() {
        let event = event(&parts(Request::get("/api/session")), b"", &[]);
        for key in ["cookies", "queryStringParameters", "pathParameters", "body"] {
            assert!(event.get(key).is_none(), "{key}");
        }
        assert_eq!(event["rawQueryString"], "");
    }

    #[test]
    fn binary_body_is_base64() {
        let event = event(&parts(Request::post("/api/login")), &[0xff, 0], &[]);
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
    }

    #[test]
    fn event_keeps_client_headers_and_source_ip() {
        let request = Request::post("/api/login")
            .header("X-Viewer-Address", "10.0.0.1")
            .header("x-viewer-address", "10.0.0.2")
            .header("X-Forwarded-For", "10.0.0.3")
            .header("X-Forwarded-Proto", "gopher");
        let event = event(&parts(request), b"", &[]);
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.9.0.1");
        let headers = &event["headers"];
        assert_eq!(headers["x-viewer-address"], "10.0.0.1,10.0.0.2");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-for"], "10.0.0.3,127.9.0.1");
    }
}
