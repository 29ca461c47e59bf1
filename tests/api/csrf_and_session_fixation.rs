//! Session fixation, revoked sessions, and CSRF.

use crate::openapi;
use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Visitor};
use serde_json::json;

const SESSION: &str = "__Host-session";
const JSON: (&str, &str) = ("content-type", "application/json");
/// Every route that changes something or accepts a body.
fn state_changing_routes() -> impl Iterator<Item = (String, String)> {
    openapi::routes().into_iter().filter(|(method, _)| method != "GET")
}

async fn signed_in(portal: &Portal, person: &Person) -> Visitor {
    let visitor = portal.visitor();
    visitor.sign_up(portal, person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor
}

fn bearer_of(visitor: &Visitor) -> String {
    format!("Bearer {}", visitor.cookie(SESSION).expect("a session"))
}

#[tokio::test]
async fn sign_in_prevents_session_fixation() {
    let portal = &Portal::start();
    let (attacker, victim) = (Person::new(), Person::new());
    let theirs = signed_in(portal, &attacker).await;
    let planted = theirs.cookie(SESSION).unwrap();
    let visitor = portal.visitor();
    visitor.sign_up(portal, &victim, "oie7").await;
    let (_, secret) = planted.rsplit_once('.').unwrap();
    for cookie in
        [planted.clone(), format!("{}.{secret}", victim.account), format!("{}.{}", victim.account, "A".repeat(43))]
    {
        visitor.set_cookie(SESSION, &cookie);
        let response = visitor.sign_in(&victim.account, "oie7").await.expect(200, "");
        let own = visitor.cookie(SESSION).unwrap();
        assert!(own != cookie && !own.contains(secret), "a new session");
        assert!(own.starts_with(&format!("{}.", victim.account)) && !response.text.contains(secret));
        theirs.set_cookie(SESSION, &cookie);
        let session = theirs.get("/api/session").await;
        assert_ne!(session.json()["account"], victim.account.as_str(), "{cookie}");
    }
    // The attacker's session was presented, so it ended.
    theirs.set_cookie(SESSION, &planted);
    theirs.get("/api/session").await.expect(401, "not-signed-in");
}

#[tokio::test]
async fn two_session_cookies_are_not_mixed() {
    let portal = &Portal::start();
    let (one, other) = (Person::new(), Person::new());
    let (first, second) = (signed_in(portal, &one).await, signed_in(portal, &other).await);
    let cookies = |a: &Visitor, b: &Visitor| {
        format!("{SESSION}={}; {SESSION}={}", a.cookie(SESSION).unwrap(), b.cookie(SESSION).unwrap())
    };
    for (header, whose) in [(cookies(&first, &second), &one), (cookies(&second, &first), &other)] {
        let response = portal.visitor().send("GET", "/api/session", &[("cookie", &header)], "").await.expect(200, "");
        assert_eq!(response.json()["account"], whose.account.as_str());
    }
    let bad_first = format!("{SESSION}=x; {SESSION}={}", first.cookie(SESSION).unwrap());
    portal.visitor().send("GET", "/api/session", &[("cookie", &bad_first)], "").await.expect(401, "not-signed-in");
    // Cookie names are case-sensitive.
    for name in ["__host-session", "__Host-Session", "session", "__Host-session ", "$__Host-session"] {
        let header = format!("{name}={}", first.cookie(SESSION).unwrap());
        let response = portal.visitor().send("GET", "/api/session", &[("cookie", &header)], "").await;
        response.expect(401, "not-signed-in");
    }
}

#[tokio::test]
async fn revoked_session_is_refused_on_every_route() {
    let portal = &Portal::start();
    for by_mail in [false, true] {
        let person = Person::new();
        let owner = signed_in(portal, &person).await;
        let thief = signed_in_again(portal, &person, "oie7").await;
        if by_mail {
            owner.request_reset(&person.account).await.expect(202, "");
            let mail = portal.nth_mail(3, &person).await;
            owner.reset(mail.token(), "nouveau2").await.expect(204, "");
        } else {
            let form = json!({ "current": "oie7", "password": "nouveau2", "confirmation": "nouveau2" });
            owner.post("/api/password", form).await.expect(204, "");
        }
        for path in ["/api/session", "/api/sessions", "/api/events"] {
            thief.get(path).await.expect(401, "not-signed-in");
            let headers = [("authorization", &*bearer_of(&thief))];
            portal.visitor().send("GET", path, &headers, "").await.expect(401, "not-signed-in");
        }
        let form = json!({ "current": "nouveau2", "password": "vol3", "confirmation": "vol3" });
        thief.post("/api/password", form).await.expect(401, "not-signed-in");
        for path in ["/api/sessions", "/api/sessions/x"] {
            thief.delete(path).await.expect(401, "not-signed-in");
        }
        signed_in_again(portal, &person, "nouveau2").await;
    }
}

async fn signed_in_again(portal: &Portal, person: &Person, password: &str) -> Visitor {
    let visitor = portal.visitor();
    visitor.sign_in(&person.account, password).await.expect(200, "");
    visitor
}

#[tokio::test]
async fn session_token_is_bound_to_its_transport() {
    let portal = &Portal::start();
    let person = Person::new();
    let visitor = signed_in(portal, &person).await;
    let form = json!({ "account": person.account, "password": "oie7", "transport": "bearer" });
    let token = portal.visitor().post("/api/login", form).await.expect(200, "").json()["token"].clone();
    let token = token.as_str().unwrap();
    let as_cookie = portal.visitor();
    as_cookie.set_cookie(SESSION, token);
    let as_bearer = bearer_of(&visitor);
    for (method, path) in
        [("GET", "/api/session"), ("GET", "/api/sessions"), ("GET", "/api/events"), ("DELETE", "/api/sessions")]
    {
        as_cookie.send(method, path, &[], "").await.expect(401, "not-signed-in");
        let headers = [("authorization", &*as_bearer)];
        portal.visitor().send(method, path, &headers, "").await.expect(401, "not-signed-in");
    }
    // A sign-out with the wrong transport ends nothing.
    as_cookie.delete("/api/session").await.expect(204, "");
    portal.visitor().send("DELETE", "/api/session", &[("authorization", &as_bearer)], "").await.expect(204, "");
    visitor.get("/api/session").await.expect(200, "");
    let right = format!("Bearer {token}");
    portal.visitor().send("GET", "/api/session", &[("authorization", &right)], "").await.expect(200, "");
    // If both are sent, the header counts.
    visitor.send("GET", "/api/session", &[("authorization", "Bearer x")], "").await.expect(401, "not-signed-in");
}

#[tokio::test]
async fn csrf_is_rejected_on_every_route() {
    let portal = &Portal::start();
    let (person, other) = (Person::new(), Person::new());
    let visitor = signed_in(portal, &person).await;
    let ours = portal.url();
    let (suffix, prefix) = (format!("{ours}.evil.example"), format!("{ours}@evil.example"));
    let body = json!({
        "account": other.account, "token": "A".repeat(43), "current": "oie7", "password": "vol3", "confirmation": "vol3",
    });
    for (method, path) in state_changing_routes() {
        for foreign in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-site", "SAME-ORIGIN"),
            ("sec-fetch-site", "same-origin, cross-site"),
            ("sec-fetch-site", ""),
            ("origin", "null"),
            ("origin", ""),
            ("origin", "https://evil.example"),
            ("origin", &suffix),
            ("origin", &prefix),
            ("origin", "http://localhost"),
        ] {
            let response = visitor.send(&method, &path, &[JSON, foreign], body.to_string()).await;
            let response = response.expect(403, "cross-site");
            assert!(response.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{response:?}");
            assert_eq!(response.header("set-cookie"), "");
        }
    }
    // Content types that need no CORS preflight are refused.
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        for (method, path) in state_changing_routes().filter(|(method, _)| *method == "POST") {
            let response = visitor.send(&method, &path, &[("content-type", content_type)], body.to_string()).await;
            response.expect(415, "not-json");
        }
    }
    assert_eq!(visitor.get("/api/session").await.expect(200, "").json()["account"], person.account.as_str());
    signed_in_again(portal, &person, "oie7").await;
}

#[tokio::test]
async fn cors_preflight_gets_no_allow_headers() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for (method, path) in openapi::routes() {
        let ask = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", method.as_str()),
            ("access-control-request-headers", "content-type,authorization"),
            ("access-control-request-private-network", "true"),
        ];
        let preflight = visitor.send("OPTIONS", &path, &ask, "").await;
        let read = visitor.send("GET", &path, &[("origin", "https://evil.example")], "").await;
        assert_eq!((preflight.status.as_u16(), preflight.text.as_str()), (404, r#"{"message":"Not Found"}"#));
        for response in [preflight, read] {
            let is_cors = |name: &str| name.starts_with("access-control-");
            assert!(response.headers.keys().all(|name| !is_cors(name.as_str())), "{path}: {response:?}");
        }
    }
}

#[tokio::test]
async fn two_links_used_concurrently_set_one_password() {
    let portal = &Portal::start();
    for _ in 0..3 {
        let (person, visitor) = (Person::new(), portal.visitor());
        visitor.register(&person.account).await.expect(202, "");
        let first = portal.nth_mail(1, &person).await;
        visitor.request_reset(&person.account).await.expect(202, "");
        let second = portal.nth_mail(2, &person).await;
        let uses = [(first.token(), "oie7"), (second.token(), "abc2")];
        let responses = join_all(uses.iter().map(|(token, password)| visitor.reset(token, password))).await;
        let winner: Vec<_> = (0..2).filter(|n| responses[*n].status == 204).collect();
        let [winner] = winner[..] else { panic!("one wins: {responses:?}") };
        responses[1 - winner].clone().expect(410, "link-used");
        assert_eq!(portal.credentials(&person.account).await["version"]["N"], "1");
        visitor.sign_in(&person.account, uses[winner].1).await.expect(200, "");
        visitor.sign_in(&person.account, uses[1 - winner].1).await.expect(401, "invalid-credentials");
    }
}

#[tokio::test]
async fn revocation_wins_over_concurrent_use() {
    let portal = &Portal::start();
    let person = Person::new();
    let owner = signed_in(portal, &person).await;
    for _ in 0..12 {
        let visitor = signed_in_again(portal, &person, "oie7").await;
        let thief = portal.visitor();
        thief.set_cookie(SESSION, &visitor.cookie(SESSION).unwrap());
        // The last use is over a minute ago, so each use writes to the session.
        portal.idle_sessions(&person.account).await;
        // At most as many as instances; otherwise the revocation would wait until all uses are done.
        let uses = join_all((0..4).map(|_| thief.get("/api/session")));
        let (uses, ended) = futures_util::future::join(uses, visitor.delete("/api/session")).await;
        ended.expect(204, "");
        assert!(uses.iter().all(|response| [200, 401].contains(&response.status.as_u16())), "{uses:?}");
        thief.get("/api/session").await.expect(401, "not-signed-in");
    }
    owner.get("/api/session").await.expect(200, "");
    let sessions = owner.get("/api/sessions").await.expect(200, "").json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "no concurrent use restored a session: {sessions}");
}
