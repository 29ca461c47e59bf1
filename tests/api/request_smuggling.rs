//! Request smuggling and other ambiguous requests.

use guichet_tests::{Person, Portal, Setup};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const JSON: (&str, &str) = ("content-type", "application/json");
const NOT_FOUND: &str = r#"{"message":"Not Found"}"#;

#[tokio::test]
async fn ambiguous_json_is_refused() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let utf16: Vec<u8> = r#"{"account":"a","password":"b"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let huge = format!(r#"{{"account":"a","password":{}}}"#, "9".repeat(3000));
    let deep = format!(r#"{{"account":"a","password":"b","x":{}}}"#, r#"{"x":"#.repeat(600));
    let bodies: [&[u8]; 21] = [
        br#"{"account":"a","acc\u006funt":"b","password":"c"}"#,
        br#"{"acc\u006funt":"a","account":"b","password":"c"}"#,
        br#"{"account":"a","password":"b","Account":"c"}"#,
        br#"{"account":"a","password":"b","ACCOUNT":"c"}"#,
        br#"{"account":"a","password":"b","account\u0000":"c"}"#,
        br#"{"account":"a","password":"b",}"#,
        br#"{"account":"a","password":"b"}}"#,
        br#"{"account":"a","password":"b"} null"#,
        b"{\"account\":\"a\",\"password\":\"b\"}\0",
        b"\x0b{\"account\":\"a\",\"password\":\"b\"}",
        br#"{"account":"a","password":"b"/* x */}"#,
        b"{\"account\":\"a\",\"password\":\"b\"} // x",
        br"{'account':'a','password':'b'}",
        br#"{account:"a",password:"b"}"#,
        b"{\"account\":\"a\",\"password\":\"b\nc\"}",
        br#"{"account":"a","password":"b\x41"}"#,
        br#"{"account":"a","password":"b\udc00"}"#,
        br#"{"account":"a","password":"b","remember":{"me":null}}"#,
        br#"{"account":"a","password":"b","remember":null}"#,
        br#"[{"account":"a","password":"b"}]"#,
        br#"{"__proto__":{"account":"a"},"account":"a","password":"b"}"#,
    ];
    for body in bodies.into_iter().chain([&utf16[..], huge.as_bytes(), deep.as_bytes()]) {
        let answer = visitor.send("POST", "/api/login", &[JSON], body).await;
        assert!(
            answer.status == 400 && answer.code() == "invalid-request",
            "{}: {answer:?}",
            String::from_utf8_lossy(body)
        );
    }
    // Escapes in keys are decoded before keys are compared.
    let escaped = format!(r#"{{"acc\u006funt":"\u0063{}"}}"#, &Person::new().account[1..]);
    visitor.send("POST", "/api/register", &[JSON], escaped).await.expect(202, "");
    visitor.send("POST", "/api/register", &[JSON], r#"{"account":"a\u0000b"}"#).await.expect(400, "invalid-request");
}

/// Sends raw bytes and returns the response until the connection closes or is silent.
fn raw(portal: &Portal, request: &[u8]) -> String {
    let address = portal.url().trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut stream = TcpStream::connect(address).expect("the portal's port");
    stream.set_read_timeout(Some(Duration::from_secs(2))).expect("a time limit");
    // The server may refuse and close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

const BODY: &str = r#"{"account":"personne-ne-porte-ce-nom","password":"b"}"#;

fn request(line: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn route_has_one_spelling() {
    let portal = &Portal::start();
    let length = format!("Content-Length: {}\r\n", BODY.len());
    let plain = raw(portal, &request("POST /api/login", &length, BODY));
    assert!(plain.starts_with("HTTP/1.1 401"), "the plain request is valid: {plain}");
    for path in [
        "/api/%6cogin",
        "//api/login",
        "/api//login",
        "/api/login/",
        "/api/./login",
        "/api/x/../login",
        "/./api/login",
        "/API/login",
        "/api/Login",
        "/api%2flogin",
        "/api/%2e/login",
        "/api/login;x",
        "/api;x/login",
        "/api/login%00",
        "/api/login%20",
        "/api/login.json",
        "/api/\\login",
        "/%2e%2e/api/login",
        "/api/login%3fx",
        "/api/login%23",
    ] {
        let answer = raw(portal, &request(&format!("POST {path}"), &length, BODY));
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "403", "404", "405"].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("invalid-credentials"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn method_override_is_ignored() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    for method in ["PUT", "PATCH", "HEAD", "TRACE", "CONNECTX", "DELETE", "post"] {
        let answer = visitor.send(method, "/api/login", &[JSON], BODY).await;
        assert_eq!(answer.status.as_u16(), 404, "{method}: {answer:?}");
    }
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        visitor.send("GET", "/api/session?_method=DELETE", &[(name, "DELETE")], "").await.expect(200, "");
        let post = visitor.send("POST", "/api/session?_method=DELETE", &[JSON, (name, "DELETE")], "{}").await;
        assert_eq!((post.status.as_u16(), post.text.as_str()), (404, NOT_FOUND));
    }
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-path", "x-forwarded-prefix"] {
        visitor.send("GET", "/api/session", &[(name, "/api/events")], "").await.expect(200, "");
        let missing = visitor.send("GET", "/api/none", &[(name, "/api/session")], "").await;
        assert_eq!((missing.status.as_u16(), missing.text.as_str()), (404, NOT_FOUND));
    }
    visitor.get("/api/session").await.expect(200, "");
}

#[tokio::test]
async fn host_header_does_not_change_mailed_link() {
    let portal = Setup::new().start();
    let own = format!("{}/changer-mon-mot-de-passe#", portal.url());
    for headers in [
        vec![("host", "evil.example")],
        vec![("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https"), ("x-forwarded-port", "81")],
        vec![("forwarded", "host=evil.example;proto=https"), ("x-host", "evil.example")],
        vec![("referer", "https://evil.example/"), ("x-original-host", "evil.example")],
        vec![("host", "localhost@evil.example"), ("x-viewer-address", "10.0.0.1")],
    ] {
        let person = Person::new();
        let body = format!(r#"{{"account":"{}"}}"#, person.account);
        let headers: Vec<_> = headers.into_iter().chain([JSON]).collect();
        portal.visitor().send("POST", "/api/register", &headers, body).await.expect(202, "");
        let mail = portal.nth_mail(1, &person).await;
        assert!(mail.link().starts_with(&own), "{}", mail.link());
        assert!(!mail.text.contains("evil") && !mail.html.contains("evil"), "{headers:?}: {}", mail.text);
    }
}

#[test]
fn malformed_http_is_refused() {
    let portal = &Portal::start();
    let n = BODY.len();
    let second = "GET /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answers = |request: &[u8]| {
        let answer = raw(portal, request);
        (answer.matches("HTTP/1.1 ").count(), answer)
    };
    // Two lengths, or a length and chunks: the end of the body would be ambiguous.
    for (headers, body) in [
        (format!("Content-Length: {n}\r\nContent-Length: 0\r\n"), BODY.to_owned()),
        (format!("Content-Length: 0\r\nContent-Length: {n}\r\n"), BODY.to_owned()),
        (format!("Content-Length: +{n}\r\n"), BODY.to_owned()),
        (format!("Content-Length: 0x{n:x}\r\n"), BODY.to_owned()),
        ("Content-Length: -1\r\n".to_owned(), BODY.to_owned()),
        ("Content-Length: 99999999999999999999\r\n".to_owned(), BODY.to_owned()),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), format!("{n:x}\r\n{BODY}\r\n0\r\n\r\n")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("zz\r\n{BODY}\r\n0\r\n\r\n")),
    ] {
        let (count, answer) = answers(&request("POST /api/login", &headers, &body));
        assert!(count <= 1 && !answer.contains("invalid-credentials"), "{headers}: {answer}");
    }
    // A request inside a body is part of the body.
    let inner = format!("Content-Length: {}\r\n", second.len());
    let (count, answer) = answers(&request("POST /api/login", &inner, second));
    assert!(count == 1 && answer.contains("invalid-request"), "{answer}");
    // Malformed names, values, and lines.
    for headers in [
        "X-A : b\r\n",
        "X A: b\r\n",
        "X-A\r\n",
        "X-A: b\rSet-Cookie: a=b\r\n",
        "X-A: b\0c\r\n",
        " folded: x\r\n",
        "Content-Type\t: application/json\r\n",
    ] {
        let (count, answer) = answers(&request("POST /api/login", &format!("Content-Length: {n}\r\n{headers}"), BODY));
        assert!(count <= 1 && !answer.contains("200 OK") && !answer.to_lowercase().contains("set-cookie"), "{answer}");
        assert!(!answer.starts_with("HTTP/1.1 5"), "{headers:?}: {answer}");
    }
    // Header names with underscores differ from those with hyphens.
    let headers = format!("Content-Length: {n}\r\nSec_Fetch_Site: cross-site\r\nX_Viewer_Address: 10.0.0.1\r\n");
    let (_, answer) = answers(&request("POST /api/login", &headers, BODY));
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let without = format!(
        "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent_Type: application/json\r\nConnection: close\r\nContent-Length: {n}\r\n\r\n{BODY}"
    );
    assert!(answers(without.as_bytes()).1.contains("not-json"));
}
