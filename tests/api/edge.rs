//! The edge: the client's address, the origin secret, and response headers.

use crate::openapi;
use guichet_tests::{ApiResponse, Person, Portal, Setup, Visitor};
use serde_json::json;

const JSON: (&str, &str) = ("content-type", "application/json");
const ORIGIN_SECRET: &str = "x-guichet-origin-secret";
const VIEWER_ADDRESS: &str = "x-viewer-address";

/// Sends a request that only managed networks may send, with extra headers.
async fn search(visitor: &Visitor, headers: &[(&str, &str)]) -> ApiResponse {
    let body = json!({ "email": "personne@sante.example" }).to_string();
    visitor.send("POST", "/api/find-account", &[&[JSON], headers].concat(), body).await
}

#[tokio::test]
async fn client_cannot_spoof_its_address() {
    let portal = &Portal::start();
    let (untrusted, managed_client) = (portal.untrusted_visitor(), portal.visitor());
    let names = [
        VIEWER_ADDRESS,
        "X-Viewer-Address",
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "cloudfront-viewer-address",
        "x-client-ip",
        "x-originating-ip",
        "host",
        "via",
    ];
    for name in names {
        for value in ["127.0.0.1", "::1", "for=127.0.0.1", "127.0.0.1:443"] {
            for visitor in [&untrusted, &portal.bypassing_edge(&untrusted)] {
                search(visitor, &[(name, value)]).await.expect(403, "network-not-managed");
            }
        }
        for visitor in [&managed_client, &portal.bypassing_edge(&managed_client)] {
            search(visitor, &[(name, "203.0.113.9")]).await.expect(200, "");
        }
    }
    // The edge drops a client's origin secret; the functions refuse a wrong one.
    search(&managed_client, &[(ORIGIN_SECRET, "x"), (VIEWER_ADDRESS, "203.0.113.9")]).await.expect(200, "");
    search(&untrusted, &[(ORIGIN_SECRET, "x"), (VIEWER_ADDRESS, "127.0.0.1")]).await.expect(403, "network-not-managed");
}

#[tokio::test]
async fn edge_secret_authenticates_client_address() {
    let portal = &Portal::start();
    let proof = portal.secret("EdgeSecret")["key"].as_str().unwrap().to_owned();
    let (untrusted, managed_client) =
        (portal.bypassing_edge(&portal.untrusted_visitor()), portal.bypassing_edge(&portal.visitor()));
    for managed in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        search(&untrusted, &[(ORIGIN_SECRET, &proof), (VIEWER_ADDRESS, managed)]).await.expect(200, "");
    }
    for unmanaged in ["203.0.113.9", "2001:db8::1", "", "nonsense", "127.0.0.1, 203.0.113.9", "127.0.0.1:80"] {
        let headers = [(ORIGIN_SECRET, proof.as_str()), (VIEWER_ADDRESS, unmanaged)];
        search(&managed_client, &headers).await.expect(403, "network-not-managed");
    }
    search(&managed_client, &[(ORIGIN_SECRET, &proof)]).await.expect(403, "network-not-managed");
    // Rate limits also use the address that the edge reports.
    let guess = async |address: &str| {
        let body = json!({ "account": Person::new().account, "password": "faux1" }).to_string();
        untrusted.send("POST", "/api/login", &[JSON, (ORIGIN_SECRET, &proof), (VIEWER_ADDRESS, address)], body).await
    };
    for _ in 0..10 {
        guess("203.0.113.77").await.expect(401, "invalid-credentials");
    }
    guess("203.0.113.77").await.expect(429, "too-many-attempts");
    guess("203.0.113.78").await.expect(401, "invalid-credentials");
}

#[tokio::test]
async fn wrong_edge_secret_is_refused_and_alarmed() {
    let portal = Setup::new().start();
    let client = portal.bypassing_edge(&portal.visitor());
    let proof = portal.secret("EdgeSecret")["key"].as_str().unwrap().to_owned();
    let routes = openapi::routes();
    let close = [proof.to_lowercase(), proof[1..].to_owned(), format!("{proof}x"), format!("{proof},{proof}")];
    for wrong in close.iter().map(String::as_str).chain(["", "x"]) {
        for (method, path) in &routes {
            let answer =
                client.send(method, path, &[JSON, (ORIGIN_SECRET, wrong), (VIEWER_ADDRESS, "127.0.0.1")], "{}").await;
            answer.expect(403, "cross-site");
        }
    }
    let logs = std::fs::read_dir(portal.setup().data().join("logs")).unwrap();
    let logs_with_error = logs.filter_map(|log| std::fs::read_to_string(log.unwrap().path()).ok());
    let logs_with_error: Vec<_> = logs_with_error.filter(|log| log.contains("edge secret wrong")).collect();
    assert_eq!(logs_with_error.len(), 7, "each function logs it");
    assert!(logs_with_error.iter().all(|log| !log.contains(&proof) && !log.contains(&close[1])));
}

#[tokio::test]
async fn edge_secret_rotation_does_not_interrupt_users() {
    let portal = Setup::new().start();
    let (visitor, straight) = (portal.visitor(), portal.bypassing_edge(&portal.untrusted_visitor()));
    let key = |portal: &Portal| portal.secret("EdgeSecret")["key"].as_str().unwrap().to_owned();
    let old = key(&portal);
    search(&visitor, &[]).await.expect(200, "");
    // Past the interval in which a function does not fetch a key again.
    portal.move_clock("find-account", 10);
    // During a rotation the edge may send the new key before a function has fetched it, or still the old one.
    portal.rotate("EdgeSecret");
    let new = key(&portal);
    for _ in 0..6 {
        search(&visitor, &[]).await.expect(200, "");
        for proof in [&old, &new] {
            search(&straight, &[(ORIGIN_SECRET, proof), (VIEWER_ADDRESS, "127.0.0.1")]).await.expect(200, "");
        }
    }
    portal.retire_previous("EdgeSecret");
    portal.restart_instances("find-account").await;
    search(&visitor, &[]).await.expect(200, "");
    search(&straight, &[(ORIGIN_SECRET, &new), (VIEWER_ADDRESS, "127.0.0.1")]).await.expect(200, "");
    search(&straight, &[(ORIGIN_SECRET, &old), (VIEWER_ADDRESS, "127.0.0.1")]).await.expect(403, "cross-site");
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let large = "a".repeat(5000);
    let huge = "a".repeat(11 * 1024 * 1024);
    for (method, path, body, status) in [
        ("GET", "/", "", 200),
        ("GET", "/inscription", "", 200),
        ("GET", "/scripts/lib/api.js", "", 200),
        ("GET", "/settings.json", "", 200),
        ("GET", "/nulle-part", "", 404),
        ("GET", "/changer-mon-mot-de-passe%23abc", "", 302),
        ("POST", "/", "", 403),
        ("GET", "/api/session", "", 401),
        ("GET", "/api/nothing", "", 404),
        ("OPTIONS", "/api/login", "", 404),
        ("PUT", "/api/login", "{}", 404),
        ("POST", "/api/login", "{}", 400),
        ("POST", "/api/login", &large, 413),
        ("POST", "/api/login", &huge, 413),
        ("POST", "/api/register", r#"{"account":"personne-ne-porte-ce-nom"}"#, 202),
        ("DELETE", "/api/session", "", 204),
    ] {
        let answer = visitor.send(method, path, &[JSON, ("origin", portal.url())], body).await;
        let about = format!("{method} {path}: {:?} {:?}", answer.status, answer.headers);
        assert_eq!(answer.status, status, "{about}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{about}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{about}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{about}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{about}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000; includeSubDomains", "{about}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{about}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{about}");
        let cache = if path.starts_with("/api/") { "no-store" } else { "no-cache" };
        assert_eq!(answer.header("cache-control"), cache, "{about}");
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{about}");
        assert!(answer.headers.keys().all(|name| !["server", "x-powered-by"].contains(&name.as_str())), "{about}");
        assert!(answer.headers.iter().all(|(_, value)| answer.headers.len() < 40 && !value.is_empty()), "{about}");
    }
    // The functions set these headers themselves, without an edge.
    let straight = portal.bypassing_edge(&visitor);
    let answer = straight.get("/api/session").await.expect(401, "not-signed-in");
    for name in ["x-content-type-options", "strict-transport-security", "content-security-policy", "referrer-policy"] {
        assert!(!answer.header(name).is_empty(), "{name}");
    }
}
