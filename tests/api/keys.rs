//! Rotated, lost, and unavailable keys.

use guichet_tests::{ApiResponse, Person, Portal, Setup, Visitor};
use serde_json::json;

/// One instance per function, so that its cached keys are known.
fn portal() -> Portal {
    Setup::new().with("--concurrency=1").start()
}

async fn key_of(portal: &Portal, person: &Person) -> String {
    portal.credentials(&person.account).await["key_id"]["S"].as_str().expect("a key's name").to_owned()
}

fn unavailable(response: ApiResponse) {
    let response = response.expect(503, "unavailable");
    assert!(response.header("retry-after").parse::<u32>().is_ok() && response.header("set-cookie").is_empty());
}

#[tokio::test]
async fn pepper_rotation_rehashes_at_sign_in() {
    let portal = portal();
    let [early, absent, late] = [Person::new(), Person::new(), Person::new()];
    let visitor = portal.visitor();
    visitor.sign_up(&portal, &early, "oie7").await;
    visitor.sign_up(&portal, &absent, "oie7").await;
    portal.rotate("PepperSecret");
    // A new instance hashes with the new key, which `login` has not fetched yet.
    portal.restart_instances("reset").await;
    visitor.sign_up(&portal, &late, "oie7").await;
    assert_eq!((key_of(&portal, &early).await, key_of(&portal, &late).await), ("1".into(), "2".into()));
    visitor.sign_in(&late.account, "faux1").await.expect(401, "invalid-credentials");
    visitor.sign_in(&late.account, "oie7").await.expect(200, "");

    let before = portal.credentials(&early.account).await;
    visitor.sign_in(&early.account, "faux1").await.expect(401, "invalid-credentials");
    assert_eq!(key_of(&portal, &early).await, "1");
    visitor.sign_in(&early.account, "oie7").await.expect(200, "");
    let after = portal.credentials(&early.account).await;
    assert_eq!(after["key_id"]["S"], "2");
    assert_ne!(after["phc"], before["phc"]);
    // The password is the same, so sessions and links remain valid.
    assert_eq!(after["version"], before["version"]);
    visitor.get("/api/session").await.expect(200, "");

    portal.retire_previous("PepperSecret");
    portal.restart_instances("login").await;
    for person in [&early, &late] {
        visitor.sign_in(&person.account, "oie7").await.expect(200, "");
        visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    // A user who did not sign in during the rotation needs a link.
    for password in ["oie7", "faux1"] {
        unavailable(visitor.sign_in(&absent.account, password).await);
    }
    visitor.request_reset(&absent.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &absent).await;
    portal.restart_instances("reset").await;
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    visitor.sign_in(&absent.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn lost_keys_fail_closed_and_keep_accounts() {
    let portal = portal();
    let [user, newcomer] = [Person::new(), Person::new()];
    let (visitor, elsewhere) = (portal.visitor(), portal.visitor());
    visitor.sign_up(&portal, &user, "oie7").await;
    visitor.sign_in(&user.account, "oie7").await.expect(200, "");
    // A link that is not used yet.
    elsewhere.register(&newcomer.account).await.expect(202, "");
    let waiting = portal.nth_mail(1, &newcomer).await;

    // The keys are lost and replaced by new ones.
    for (name, key) in [("PepperSecret", "another pepper"), ("PseudonymSecret", "another key for names")] {
        portal.set_secret(name, Some(&json!({ "id": "9", "key": key })));
    }
    for function in ["register", "request-reset", "reset", "login", "session", "password"] {
        portal.restart_instances(function).await;
    }
    visitor.get("/api/session").await.expect(200, "");
    elsewhere.reset(waiting.token(), "oie7").await.expect(204, "");
    elsewhere.sign_in(&newcomer.account, "oie7").await.expect(200, "");
    // A hash with the lost pepper accepts no password until a link sets a new one.
    for password in ["oie7", "faux1"] {
        unavailable(elsewhere.sign_in(&user.account, password).await);
    }
    elsewhere.request_reset(&user.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &user).await;
    elsewhere.reset(mail.token(), "abc2").await.expect(204, "");
    elsewhere.sign_in(&user.account, "abc2").await.expect(200, "");
    elsewhere.sign_in(&user.account, "oie7").await.expect(401, "invalid-credentials");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
}

#[tokio::test]
async fn missing_pepper_fails_closed() {
    let portal = portal();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let pepper = portal.secret("PepperSecret");
    portal.set_secret("PepperSecret", None);
    for function in ["login", "reset", "password"] {
        portal.restart_instances(function).await;
    }
    let somebody_else = portal.visitor();
    for (account, password) in [(person.account.as_str(), "oie7"), (&person.account, "faux1"), ("personne", "oie7")] {
        unavailable(somebody_else.sign_in(account, password).await);
    }
    let change = serde_json::json!({ "current": "oie7", "password": "abc2", "confirmation": "abc2" });
    unavailable(visitor.post("/api/password", change).await);
    let goes_on = async |visitor: &Visitor| {
        visitor.get("/api/session").await.expect(200, "");
        visitor.get("/api/events").await.expect(200, "");
        visitor.register(&Person::new().account).await.expect(202, "");
        visitor.request_reset(&person.account).await.expect(202, "");
        visitor.post("/api/find-account", serde_json::json!({ "email": person.email })).await.expect(200, "");
    };
    goes_on(&visitor).await;
    let mail = portal.nth_mail(3, &person).await;
    let stranger = portal.untrusted_visitor();
    stranger.check(mail.token()).await.expect(200, "");
    stranger.check(&"A".repeat(43)).await.expect(404, "link-unknown");
    unavailable(stranger.reset(mail.token(), "abc2").await);

    // It recovers unattended, and no failure was counted.
    portal.set_secret("PepperSecret", Some(&pepper));
    somebody_else.sign_in(&person.account, "oie7").await.expect(200, "");
    stranger.reset(mail.token(), "abc2").await.expect(204, "");
    stranger.sign_in(&person.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn higher_hash_cost_rehashes_at_sign_in() {
    let setup = Setup::new();
    let portal = setup.clone().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    drop(portal);
    let portal = setup.with("--set=HashPasses=3").start();
    let cost = async || portal.credentials(&person.account).await["phc"]["S"].as_str().unwrap()[..31].to_owned();
    assert_eq!(cost().await, "$argon2id$v=19$m=19456,t=2,p=1$");
    portal.visitor().sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    assert_eq!(cost().await, "$argon2id$v=19$m=19456,t=3,p=1$");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}
