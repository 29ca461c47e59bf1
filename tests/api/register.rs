//! *M'inscrire au service* and *Mot de passe oublié ?*

use guichet_tests::{Person, Portal, Setup};

#[tokio::test]
async fn register_then_sign_in() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());

    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    let checked = visitor.check(mail.token()).await.expect(200, "").json();
    assert_eq!(checked["account"], person.account);
    assert_eq!(checked["purpose"], "register");
    visitor.reset(mail.token(), "oie7").await.expect(204, "");

    let signed_in = visitor.sign_in(&person.account, "oie7").await.expect(200, "").json();
    assert_eq!(signed_in["account"], person.account);
    assert_eq!(signed_in["name"], format!("{} {}", person.given_name, person.family_name));
    let session = visitor.get("/api/session").await.expect(200, "").json();
    assert_eq!(session["account"], person.account);

    visitor.delete("/api/session").await.expect(204, "");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
}

#[tokio::test]
async fn forgotten_password_reset() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "ancien1").await;

    visitor.request_reset(&person.account).await.expect(202, "");
    // After the first email and the notice.
    let mail = portal.nth_mail(3, &person).await;
    let checked = visitor.check(mail.token()).await.expect(200, "").json();
    assert_eq!(checked["purpose"], "request-reset");
    visitor.reset(mail.token(), "nouveau2").await.expect(204, "");

    visitor.sign_in(&person.account, "ancien1").await.expect(401, "invalid-credentials");
    visitor.sign_in(&person.account, "nouveau2").await.expect(200, "");
}

#[tokio::test]
async fn register_and_reset_are_interchangeable() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.request_reset(&person.account).await.expect(202, "");
    let first = portal.nth_mail(1, &person).await;
    visitor.reset(first.token(), "oie7").await.expect(204, "");
    portal.nth_mail(2, &person).await;
    visitor.register(&person.account).await.expect(202, "");
    let second = portal.nth_mail(3, &person).await;
    visitor.reset(second.token(), "abc2").await.expect(204, "");
    visitor.sign_in(&person.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn enumeration_by_response_bytes_is_impossible() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let known = Person::new();
    for path in ["/api/register", "/api/request-reset"] {
        let mut responses = Vec::new();
        for name in [known.account.as_str(), "personne-ne-porte-ce-nom", "inactif", "sanscourriel", "partage1"] {
            let response = visitor.post(path, serde_json::json!({ "account": name })).await.expect(202, "");
            assert_eq!(response.text, "{}");
            let mut headers: Vec<_> =
                response.headers.iter().map(|(k, v)| (k.to_string(), v.to_str().unwrap().to_owned())).collect();
            headers.retain(|(name, _)| name != "date");
            headers.sort();
            responses.push(headers);
        }
        assert!(responses.windows(2).all(|pair| pair[0] == pair[1]), "{path}: {responses:#?}");
    }
}

#[tokio::test]
async fn account_input_is_normalized() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&format!("  RESEAU\\{} ", person.account.to_uppercase())).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    visitor.reset(mail.token(), "oie7").await.expect(204, "");
    visitor.sign_in(&person.account.to_uppercase(), "oie7").await.expect(200, "");
}

#[tokio::test]
async fn duplicate_requests_are_idempotent() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    for _ in 0..8 {
        visitor.register(&person.account).await.expect(202, "");
    }
    let requests = all_ended(&portal).await;
    // Two if the clicks cross the end of a two-minute window.
    assert!((1..=2).contains(&requests.len()), "{requests:#?}");
    assert_eq!(portal.mails_to(&person.email).await.len(), requests.len());
}

/// Waits until every mail request has ended.
async fn all_ended(portal: &Portal) -> Vec<serde_json::Value> {
    let ended =
        |requests: &Vec<serde_json::Value>| requests.iter().all(|request| request.get("requested_account").is_none());
    portal.until("every request ends", async || Some(portal.items("MailRequests").await).filter(ended)).await
}

/// An undeliverable request ends with the reason, for the desk.
#[tokio::test]
async fn unmailable_request_ends_with_reason() {
    let portal = Setup::new().start();
    let visitor = portal.visitor();
    for (name, status) in [
        ("personne-ne-porte-ce-nom", "no-account"),
        ("inactif", "inactive"),
        ("sanscourriel", "no-mailbox"),
        ("partage1", "shared-mailbox"),
    ] {
        visitor.register(name).await.expect(202, "");
        let requests = all_ended(&portal).await;
        let ended: Vec<_> = requests.iter().filter(|r| r["status"]["S"] == status).collect();
        assert_eq!(ended.len(), 1, "{name}: {requests:#?}");
        assert!(ended[0].get("requested_account").is_none(), "the entered name is deleted at the end: {}", ended[0]);
    }
    let mails: Vec<guichet_tests::Mail> =
        reqwest::get(format!("{}/_local/mail", portal.url())).await.unwrap().json().await.unwrap();
    assert!(mails.is_empty(), "no email is sent: {mails:?}");
}
