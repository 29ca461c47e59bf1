//! Sign-in with each remember option, in a cookie and as a bearer token.

use guichet_tests::{Person, Portal};
use serde_json::json;

#[tokio::test]
async fn session_cookie_persists_only_with_remember_me() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    for (remember, max_age) in [("me", Some("Max-Age=2592000")), ("name", None), ("none", None)] {
        let form = json!({ "account": person.account, "password": "oie7", "remember": remember });
        let response = visitor.post("/api/login", form).await.expect(200, "");
        let cookie = response.header("set-cookie");
        assert!(cookie.starts_with("__Host-session="), "{cookie}");
        for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.split("; ").any(|part| part == attribute), "{attribute}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert_eq!(cookie.split("; ").find(|part| part.starts_with("Max-Age")), max_age, "{cookie}");
        let session = visitor.get("/api/session").await.expect(200, "").json();
        assert_eq!(session["remember"], remember);
        assert!(session["expires_at"].as_str() > session["signed_in_at"].as_str(), "{session}");
    }
    // The default is `none`.
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    assert_eq!(visitor.get("/api/session").await.json()["remember"], "none");
}

#[tokio::test]
async fn bearer_client_signs_in_without_cookies() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    let form = json!({ "account": person.account, "password": "oie7", "transport": "bearer" });
    let response = visitor.post("/api/login", form).await.expect(200, "");
    assert_eq!(response.header("set-cookie"), "");
    let token = response.json()["token"].as_str().unwrap().to_owned();

    let bearer = format!("Bearer {token}");
    let session = visitor.send("GET", "/api/session", &[("authorization", &bearer)], "").await.expect(200, "");
    assert_eq!(session.json()["account"], person.account);

    // A token is accepted only with the transport that it was issued for.
    let other = portal.visitor();
    other.set_cookie("__Host-session", &token);
    other.get("/api/session").await.expect(401, "not-signed-in");
    other.sign_in(&person.account, "oie7").await.expect(200, "");
    let cookie = format!("Bearer {}", other.cookie("__Host-session").unwrap());
    portal.visitor().send("GET", "/api/session", &[("authorization", &cookie)], "").await.expect(401, "not-signed-in");
}

#[tokio::test]
async fn sign_out_revokes_the_session_token() {
    let portal = &Portal::start();
    let (person, visitor, thief) = (Person::new(), portal.visitor(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    thief.set_cookie("__Host-session", &visitor.cookie("__Host-session").unwrap());
    thief.get("/api/session").await.expect(200, "");

    let response = visitor.delete("/api/session").await.expect(204, "");
    assert!(response.header("set-cookie").starts_with("__Host-session=; "), "{response:?}");
    assert_eq!(response.header("clear-site-data"), "\"cache\"");
    assert_eq!(visitor.cookie("__Host-session"), None);
    thief.get("/api/session").await.expect(401, "not-signed-in");
    visitor.delete("/api/session").await.expect(204, "");
}

#[tokio::test]
async fn session_expiry_is_enforced_before_ttl_deletion() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    for end in ["idle_ends_at", "ends_at"] {
        visitor.sign_in(&person.account, "oie7").await.expect(200, "");
        visitor.get("/api/session").await.expect(200, "");
        portal.end_sessions(&person.account, end).await;
        for path in ["/api/session", "/api/sessions", "/api/events"] {
            visitor.get(path).await.expect(401, "not-signed-in");
        }
    }
}

#[tokio::test]
async fn sign_in_replaces_the_presented_session() {
    let portal = &Portal::start();
    let (person, visitor, thief) = (Person::new(), portal.visitor(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let first = visitor.cookie("__Host-session").unwrap();
    thief.set_cookie("__Host-session", &first);
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    assert_ne!(visitor.cookie("__Host-session").unwrap(), first);
    thief.get("/api/session").await.expect(401, "not-signed-in");
}

#[tokio::test]
async fn sign_in_errors_do_not_reveal_accounts() {
    let portal = &Portal::start();
    let (person, unset, visitor) = (Person::new(), Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    let mut responses = Vec::new();
    for (account, password) in [
        (person.account.as_str(), "abc2"),
        (&unset.account, "oie7"),
        ("personne-ne-porte-ce-nom", "oie7"),
        ("inactif", "oie7"),
        (&person.account, ""),
        (&person.account, "OIE7"),
        (&person.account, " oie7"),
    ] {
        let response = visitor.sign_in(account, password).await.expect(401, "invalid-credentials");
        assert_eq!(response.header("set-cookie"), "");
        responses.push(response.text);
    }
    assert!(responses.windows(2).all(|pair| pair[0] == pair[1]), "{responses:?}");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn tampered_session_token_is_refused() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let cookie = visitor.cookie("__Host-session").unwrap();
    let (_, secret) = cookie.rsplit_once('.').unwrap();
    for forged in
        ["", "x", secret, &format!("compte000.{secret}"), &cookie.to_uppercase(), &format!("{cookie}A"), &cookie[1..]]
    {
        let other = portal.visitor();
        other.set_cookie("__Host-session", forged);
        other.get("/api/session").await.expect(401, "not-signed-in");
    }
}
