//! Mailed links: expiry, single use, replay.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup};
use serde_json::json;

#[tokio::test]
async fn link_works_once() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let token = visitor.sign_up(portal, &person, "oie7").await;
    visitor.check(&token).await.expect(410, "link-used");
    visitor.reset(&token, "autre2").await.expect(410, "link-used");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn parallel_uses_of_a_link_succeed_once() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;

    let passwords: Vec<_> = (0..16).map(|n| format!("course{n}")).collect();
    let responses = join_all(passwords.iter().map(|password| visitor.reset(mail.token(), password))).await;
    let winner: Vec<_> = responses.iter().zip(&passwords).filter(|(response, _)| response.status == 204).collect();
    assert_eq!(winner.len(), 1, "{responses:#?}");
    for response in &responses {
        assert!(response.status == 204 || (response.status == 410 && response.code() == "link-used"), "{response:?}");
    }
    assert_eq!(portal.credentials(&person.account).await["version"]["N"], "1");
    visitor.sign_in(&person.account, winner[0].1).await.expect(200, "");
}

#[tokio::test]
async fn checking_a_link_changes_nothing() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    for _ in 0..20 {
        visitor.get("/changer-mon-mot-de-passe").await.expect(200, "");
        visitor.send("HEAD", "/changer-mon-mot-de-passe", &[], "").await.expect(200, "");
        visitor.check(mail.token()).await.expect(200, "");
    }
    visitor.reset(mail.token(), "oie7").await.expect(204, "");
}

#[tokio::test]
async fn refused_password_keeps_the_link_valid() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;

    let policy = visitor.check(mail.token()).await.expect(200, "").json()["policy"].clone();
    assert_eq!(policy, json!({ "min_length": 4, "max_length": 128, "needs_letter": true, "needs_digit": true }));
    for (password, violations) in [
        ("ab1", vec!["too-short"]),
        ("", vec!["too-short", "needs-letter", "needs-digit"]),
        ("abcdef", vec!["needs-digit"]),
        ("123456", vec!["needs-letter"]),
        (&*format!("1{}", "a".repeat(128)), vec!["too-long"]),
        (&*format!("x{}9", person.account), vec!["contains-account"]),
        ("MarieEve2026", vec!["contains-name"]),
        ("Password1", vec!["too-common"]),
        ("Montréal-2026", vec!["too-common"]),
    ] {
        let refused = visitor.reset(mail.token(), password).await.expect(422, "password-refused");
        assert_eq!(refused.json()["violations"], json!(violations), "{password:?}");
    }
    let differing = json!({ "token": mail.token(), "password": "oie7", "confirmation": "abc2" });
    visitor.post("/api/reset", differing).await.expect(422, "confirmation-differs");
    visitor.reset(mail.token(), "oie7").await.expect(204, "");
}

#[tokio::test]
async fn nist_profile_and_context_words_are_settings() {
    let portal = Setup::new()
        .with("--set=PasswordMinLength=15")
        .with("--set=PasswordNeedsLetterAndDigit=false")
        .with("--set=ContextWords=Pavillon des érables,Sapinière")
        .start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    let policy = visitor.check(mail.token()).await.expect(200, "").json()["policy"].clone();
    assert_eq!(policy, json!({ "min_length": 15, "max_length": 128, "needs_letter": false, "needs_digit": false }));
    for (password, violation) in [
        ("quatorze.signe", "too-short"),
        ("PasswordPassword", "too-common"),
        ("Pavillon des Erables 2026", "too-common"),
    ] {
        let refused = visitor.reset(mail.token(), password).await.expect(422, "password-refused");
        assert_eq!(refused.json()["violations"], json!([violation]), "{password}");
    }
    visitor.reset(mail.token(), "quatorze signes").await.expect(204, "");
    visitor.sign_in(&person.account, "quatorze signes").await.expect(200, "");
}

#[tokio::test]
async fn reset_revokes_links_sessions_and_old_password() {
    let portal = &Portal::start();
    let (person, thief, owner) = (Person::new(), portal.visitor(), portal.visitor());
    owner.sign_up(portal, &person, "ancien1").await;
    thief.sign_in(&person.account, "ancien1").await.expect(200, "");
    let bearer = json!({ "account": person.account, "password": "ancien1", "transport": "bearer" });
    let token = thief.post("/api/login", bearer).await.expect(200, "").json()["token"].as_str().unwrap().to_owned();
    let (first, second) = {
        portal.untrusted_visitor().request_reset(&person.account).await.expect(202, "");
        let first = portal.nth_mail(3, &person).await;
        owner.request_reset(&person.account).await.expect(202, "");
        (first, portal.nth_mail(4, &person).await)
    };
    owner.check(first.token()).await.expect(200, "");

    owner.reset(second.token(), "nouveau2").await.expect(204, "");

    owner.check(first.token()).await.expect(410, "link-used");
    owner.reset(first.token(), "troisieme3").await.expect(410, "link-used");
    thief.get("/api/session").await.expect(401, "not-signed-in");
    let bearer = format!("Bearer {token}");
    let fresh = portal.visitor();
    fresh.send("GET", "/api/session", &[("authorization", &bearer)], "").await.expect(401, "not-signed-in");
    thief.sign_in(&person.account, "ancien1").await.expect(401, "invalid-credentials");
    owner.sign_in(&person.account, "nouveau2").await.expect(200, "");
}

#[tokio::test]
async fn link_expires_after_an_hour() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    portal.expire_links(&person.account).await;
    visitor.check(mail.token()).await.expect(410, "link-expired");
    visitor.reset(mail.token(), "oie7").await.expect(410, "link-expired");

    visitor.request_reset(&person.account).await.expect(202, "");
    let again = portal.nth_mail(2, &person).await;
    visitor.reset(again.token(), "oie7").await.expect(204, "");
}

#[tokio::test]
async fn link_expiry_follows_the_setting() {
    let portal = Setup::new().with("--set=LinkLifetimeMinutes=15").start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    let expires_at = visitor.check(mail.token()).await.expect(200, "").json()["expires_at"].clone();
    // Both times are RFC 3339 in UTC. The link was created at most a minute before the email.
    let minutes = |text: &str| {
        let (hour, minute) = (&text[11..13], &text[14..16]);
        hour.parse::<i32>().unwrap() * 60 + minute.parse::<i32>().unwrap()
    };
    let life = (minutes(expires_at.as_str().unwrap()) - minutes(&mail.sent_at)).rem_euclid(24 * 60);
    assert!((14..=15).contains(&life), "{life} minutes");
}

#[tokio::test]
async fn unknown_link_is_404() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for token in ["", "a", &"A".repeat(43), &"A".repeat(44), "../../etc/passwd", &"é".repeat(43)] {
        visitor.check(token).await.expect(404, "link-unknown");
        visitor.reset(token, "oie7").await.expect(404, "link-unknown");
    }
}

#[tokio::test]
async fn replay_of_a_reset_is_idempotent() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let token = visitor.sign_up(portal, &person, "oie7").await;
    let before = portal.credentials(&person.account).await;
    for _ in 0..3 {
        visitor.reset(&token, "oie7").await.expect(204, "");
    }
    visitor.reset(&token, "oie7").await.expect(410, "link-used");
    assert_eq!(portal.credentials(&person.account).await, before);
}

#[tokio::test]
async fn replay_is_recognized_in_any_unicode_form() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let token = visitor.sign_up(portal, &person, "\u{e9}t\u{e9}-indien7").await;
    let again =
        json!({ "token": token, "password": "e\u{301}t\u{e9}-indien7", "confirmation": "\u{e9}te\u{301}-indien7" });
    visitor.post("/api/reset", again).await.expect(204, "");
}

#[tokio::test]
async fn replay_cannot_be_used_to_guess_the_password() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let token = visitor.sign_up(portal, &person, "oie7").await;
    for guess in ["oie8", "oie9", "oie6"] {
        visitor.reset(&token, guess).await.expect(410, "link-used");
    }
    visitor.reset(&token, "oie7").await.expect(410, "link-used");
}

#[tokio::test]
async fn replay_is_refused_after_another_password_change() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let token = visitor.sign_up(portal, &person, "oie7").await;
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    visitor.reset(&token, "oie7").await.expect(410, "link-used");
}
