//! Invalid input gets an error with its code, never a 500.

use guichet_tests::{ApiResponse, Person, Portal, Visitor};

const ROUTES: [&str; 6] =
    ["/api/register", "/api/request-reset", "/api/reset/check", "/api/reset", "/api/login", "/api/find-account"];

async fn post(visitor: &Visitor, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> ApiResponse {
    visitor.send("POST", path, headers, body).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn invalid_body_is_refused() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let deep = format!(r#"{{"account":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let bodies: [&[u8]; 13] = [
        b"",
        b"{}",
        b"[]",
        b"null",
        br#"["tremblam"]"#,
        br#"{"account": ["tremblam"]}"#,
        br#"{"account": 1, "token": 1, "password": 1}"#,
        br#"{"account": "a", "account": "b", "token": "a", "token": "b", "email": "a@b.c", "email": "a@b.c"}"#,
        br#"{"account": "a", "token": "a", "password": "b", "confirmation": "b", "email": "a@b.c", "admin": true}"#,
        br#"{"account": "a", "password": "b"} {"#,
        b"\xef\xbb\xbf{\"account\": \"a\", \"password\": \"b\"}",
        b"{\"account\": \"\xff\xfe\", \"token\": \"\xff\", \"password\": \"b\"}",
        deep.as_bytes(),
    ];
    for path in ROUTES {
        for body in bodies {
            let response = post(&visitor, path, &[JSON], body).await;
            assert_eq!(
                (response.status.as_u16(), response.code().as_str()),
                (400, "invalid-request"),
                "{path} {}: {response:?}",
                String::from_utf8_lossy(body)
            );
        }
    }
}

#[tokio::test]
async fn invalid_account_is_refused() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for account in ["", " ", "a b", "é", "a\u{0}b", "a/b", "<script>", "a\\", &"a".repeat(65), "ａｄｍｉｎ"] {
        visitor.register(account).await.expect(400, "invalid-request");
        visitor.request_reset(account).await.expect(400, "invalid-request");
        visitor.sign_in(account, "oie7").await.expect(400, "invalid-request");
    }
    let remember = serde_json::json!({ "account": "a", "password": "b", "remember": "forever" });
    visitor.post("/api/login", remember).await.expect(400, "invalid-request");
}

#[tokio::test]
async fn body_over_4_kib_is_refused() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for path in ROUTES {
        let body = format!(r#"{{"account": "{}"}}"#, "a".repeat(4096));
        post(&visitor, path, &[JSON], body).await.expect(413, "too-large");
    }
    let exactly = format!(r#"{{"account": "a", "password": "{}"}}"#, "b".repeat(4096 - 32));
    assert_eq!(exactly.len(), 4096);
    post(&visitor, "/api/login", &[JSON], exactly).await.expect(401, "invalid-credentials");
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let body = format!(r#"{{"account": "{}"}}"#, Person::new().account);
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "é"]
    {
        post(&visitor, "/api/register", &[("content-type", content_type)], &*body).await.expect(415, "not-json");
    }
    post(&visitor, "/api/register", &[], &*body).await.expect(415, "not-json");
    post(&visitor, "/api/register", &[("content-type", "Application/JSON;charset=utf-8")], body).await.expect(202, "");
}

#[tokio::test]
async fn csrf_from_another_origin_is_refused() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let body = r#"{"account": "tremblam", "password": "oie7"}"#;
    for headers in [
        [JSON, ("sec-fetch-site", "cross-site")],
        [JSON, ("sec-fetch-site", "same-site")],
        [JSON, ("sec-fetch-site", "none")],
        [JSON, ("origin", "https://evil.example")],
        [JSON, ("origin", "null")],
    ] {
        post(&visitor, "/api/login", &headers, body).await.expect(403, "cross-site");
        visitor.send("DELETE", "/api/session", &headers, "").await.expect(403, "cross-site");
    }
    let ours = portal.url().to_owned();
    for headers in [[JSON, ("sec-fetch-site", "same-origin")], [JSON, ("origin", &ours)]] {
        post(&visitor, "/api/login", &headers, body).await.expect(401, "invalid-credentials");
    }
    let both = [JSON, ("sec-fetch-site", "cross-site"), ("origin", &ours)];
    post(&visitor, "/api/login", &both, body).await.expect(403, "cross-site");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_404() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for (method, path) in [
        ("GET", "/api/register"),
        ("PUT", "/api/login"),
        ("OPTIONS", "/api/login"),
        ("POST", "/api/session"),
        ("POST", "/api/"),
        ("POST", "/api/login/"),
        ("POST", "/api//login"),
        ("POST", "/api/%6cogin"),
        ("POST", "/api/LOGIN"),
        ("DELETE", "/api/sessions/a/b"),
        ("GET", "/api/../api/session"),
    ] {
        let response = visitor.send(method, path, &[JSON], r#"{"account": "a", "password": "b"}"#).await;
        // The HTTP client resolves dot segments, so this is the real route.
        if path.contains("..") {
            response.expect(401, "not-signed-in");
        } else {
            assert_eq!(
                (response.status.as_u16(), response.text.as_str()),
                (404, r#"{"message":"Not Found"}"#),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn hostile_headers_and_queries_are_ignored() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let body = format!(r#"{{"account": "{}"}}"#, Person::new().account);
    for headers in [
        [JSON, ("x-forwarded-proto", "://"), ("x-forwarded-for", "é")],
        [JSON, ("host", "evil.example:99999"), ("x-forwarded-host", "evil.example")],
        [JSON, ("cookie", "__Host-session=é; \u{80}=;;=="), ("authorization", "Bearer é")],
        [JSON, ("x-é", "1"), ("user-agent", "\u{ff}")].map(|(k, v)| if k == "x-é" { ("x-any", v) } else { (k, v) }),
    ] {
        post(&visitor, "/api/register?a=%zz&%&=&b=\u{7f}", &headers, &*body).await.expect(202, "");
    }
}

#[tokio::test]
async fn every_response_has_content_type_and_no_store() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let answers = [
        visitor.register(&Person::new().account).await.expect(202, ""),
        visitor.register("").await.expect(400, "invalid-request"),
        visitor.get("/api/session").await.expect(401, "not-signed-in"),
        visitor.delete("/api/session").await.expect(204, ""),
    ];
    for response in answers {
        assert_eq!(response.header("cache-control"), "no-store");
        assert_eq!(response.header("x-content-type-options"), "nosniff");
        assert_eq!(response.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'; sandbox");
        assert!(response.header("access-control-allow-origin").is_empty());
        let content_type = match response.status.as_u16() {
            202 => "application/json; charset=utf-8",
            204 => "",
            _ => "application/problem+json; charset=utf-8",
        };
        assert_eq!(response.header("content-type"), content_type);
    }
    let problem = visitor.register("").await.json();
    assert_eq!(problem["status"], 400);
    assert!(problem["title"].is_string() && problem["type"].is_string(), "{problem}");
}
