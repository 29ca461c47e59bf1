//! *Mon compte*: sessions, security events, and the password change of a signed-in user.

use guichet_tests::{Person, Portal};
use serde_json::json;

#[tokio::test]
async fn sessions_are_listed_and_revoked() {
    let portal = &Portal::start();
    let (person, here, there, elsewhere) = (Person::new(), portal.visitor(), portal.visitor(), portal.visitor());
    here.sign_up(portal, &person, "oie7").await;
    let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let form = json!({ "account": person.account, "password": "oie7" }).to_string();
    there
        .send("POST", "/api/login", &[("content-type", "application/json"), ("user-agent", firefox)], form)
        .await
        .expect(200, "");
    elsewhere.sign_in(&person.account, "oie7").await.expect(200, "");
    here.sign_in(&person.account, "oie7").await.expect(200, "");

    let sessions = here.get("/api/sessions").await.expect(200, "").json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 3, "{sessions:#?}");
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let windows =
        sessions.iter().find(|session| session["device"] == "Firefox · Windows").expect("the session on Windows");
    for field in ["id", "remember", "signed_in_at", "last_seen_at", "expires_at"] {
        assert!(windows[field].is_string(), "{field}: {windows}");
    }

    let id = windows["id"].as_str().unwrap();
    here.delete(&format!("/api/sessions/{id}")).await.expect(204, "");
    there.get("/api/session").await.expect(401, "not-signed-in");
    here.delete(&format!("/api/sessions/{id}")).await.expect(404, "session-unknown");
    here.delete("/api/sessions/%zz").await.expect(404, "session-unknown");
    elsewhere.get("/api/session").await.expect(200, "");

    here.delete("/api/sessions").await.expect(204, "");
    elsewhere.get("/api/session").await.expect(401, "not-signed-in");
    here.get("/api/session").await.expect(200, "");
}

#[tokio::test]
async fn sessions_of_others_cannot_be_revoked() {
    let portal = &Portal::start();
    let (person, colleague) = (Person::new(), Person::new());
    let (mine, theirs) = (portal.visitor(), portal.visitor());
    mine.sign_up(portal, &person, "oie7").await;
    theirs.sign_up(portal, &colleague, "oie7").await;
    mine.sign_in(&person.account, "oie7").await.expect(200, "");
    theirs.sign_in(&colleague.account, "oie7").await.expect(200, "");
    let id = theirs.get("/api/sessions").await.json()["sessions"][0]["id"].as_str().unwrap().to_owned();
    mine.delete(&format!("/api/sessions/{id}")).await.expect(404, "session-unknown");
    theirs.get("/api/session").await.expect(200, "");
}

#[tokio::test]
async fn eleventh_session_ends_the_oldest() {
    let portal = &Portal::start();
    let person = Person::new();
    let visitors: Vec<_> = (0..12).map(|_| portal.visitor()).collect();
    visitors[0].sign_up(portal, &person, "oie7").await;
    for visitor in &visitors {
        visitor.sign_in(&person.account, "oie7").await.expect(200, "");
        // Sessions are ordered by their start in seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1001)).await;
    }
    let sessions = visitors[11].get("/api/sessions").await.expect(200, "").json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 10);
    for gone in &visitors[..2] {
        gone.get("/api/session").await.expect(401, "not-signed-in");
    }
    visitors[2].get("/api/session").await.expect(200, "");
}

#[tokio::test]
async fn password_change_revokes_other_sessions() {
    let portal = &Portal::start();
    let (person, here, there) = (Person::new(), portal.visitor(), portal.visitor());
    here.sign_up(portal, &person, "ancien1").await;
    here.sign_in(&person.account, "ancien1").await.expect(200, "");
    there.sign_in(&person.account, "ancien1").await.expect(200, "");
    let change = |current: &str, password: &str, confirmation: &str| {
        here.post("/api/password", json!({ "current": current, "password": password, "confirmation": confirmation }))
    };
    change("ancien1", "nouveau2", "nouveau3").await.expect(422, "confirmation-differs");
    let refused = change("ancien1", "court", "court").await.expect(422, "password-refused");
    assert_eq!(refused.json()["violations"], json!(["needs-digit"]));
    change("faux9", "nouveau2", "nouveau2").await.expect(401, "invalid-credentials");
    change("ancien1", "nouveau2", "nouveau2").await.expect(204, "");

    here.get("/api/session").await.expect(200, "");
    there.get("/api/session").await.expect(401, "not-signed-in");
    let fresh = portal.visitor();
    fresh.sign_in(&person.account, "ancien1").await.expect(401, "invalid-credentials");
    fresh.sign_in(&person.account, "nouveau2").await.expect(200, "");
    // After the link and the notice of the first password.
    let notice = portal.nth_mail(3, &person).await;
    assert_eq!(notice.subject, "Votre mot de passe a été changé");
}

#[tokio::test]
async fn password_change_shares_lockout_with_sign_in() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    // This client is a known device by now, with that class's limits.
    for n in 0..10 {
        let form = json!({ "current": format!("faux{n}"), "password": "nouveau2", "confirmation": "nouveau2" });
        visitor.post("/api/password", form).await.expect(401, "invalid-credentials");
    }
    let form = json!({ "current": "oie7", "password": "nouveau2", "confirmation": "nouveau2" });
    visitor.post("/api/password", form).await.expect(429, "too-many-attempts");
    visitor.sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn security_events_are_listed() {
    let portal = &Portal::start();
    let (person, visitor, stranger) = (Person::new(), portal.visitor(), portal.untrusted_visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    stranger.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    // A known device on the managed network is reported as managed.
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(3, &person).await;
    let events = async || {
        let events = visitor.get("/api/events").await.expect(200, "").json();
        events["events"].as_array().filter(|events| events.len() >= 5).cloned()
    };
    let events = portal.until("five events", events).await;
    let mut what: Vec<_> =
        events.iter().map(|event| (event["what"].as_str().unwrap(), event["network"].as_str().unwrap())).collect();
    assert!(events.is_sorted_by(|a, b| a["at"].as_str() >= b["at"].as_str()), "newest first: {events:#?}");
    what.sort_unstable();
    assert_eq!(
        what,
        [
            ("link-mailed", "managed"),
            ("link-mailed", "managed"),
            ("password-set", "managed"),
            ("sign-in-refused", "outside"),
            ("signed-in", "managed")
        ]
    );
}

#[tokio::test]
async fn account_routes_require_a_session() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for path in ["/api/session", "/api/sessions", "/api/events"] {
        visitor.get(path).await.expect(401, "not-signed-in");
    }
    visitor.delete("/api/sessions").await.expect(401, "not-signed-in");
    visitor.delete("/api/sessions/x").await.expect(401, "not-signed-in");
    let form = json!({ "current": "oie7", "password": "nouveau2", "confirmation": "nouveau2" });
    visitor.post("/api/password", form).await.expect(401, "not-signed-in");
}
