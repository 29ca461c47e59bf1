//! Email content, and delivery without the stream.

use guichet_tests::{Person, Portal, Setup};

#[tokio::test]
async fn link_email_states_purpose_expiry_and_sender() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    assert_eq!(mail.subject, "Changement de mot de passe");
    assert_eq!(mail.link(), format!("{}/changer-mon-mot-de-passe#{}", portal.url(), mail.token()));
    for text in [
        format!("Bonjour {} {}", person.given_name, person.family_name),
        person.account.clone(),
        "ignorez ce message sans crainte".into(),
        "Ne tardez pas".into(),
        "Le lien fonctionne jusqu’à".into(),
        "Centre de services".into(),
        "514 555-0123".into(),
    ] {
        assert!(mail.text.contains(&text), "{text}: {}", mail.text);
        assert!(mail.html.contains(&text), "{text}: {}", mail.html);
    }
    assert!(mail.text.lines().any(|line| line == mail.token()), "the code has its own line");
    assert!(mail.html.contains(&format!("<a href=\"{}\"", mail.link())), "{}", mail.html);
    assert!(!mail.html.contains("src="), "no remote content");

    visitor.reset(mail.token(), "oie7").await.expect(204, "");
    let notice = portal.nth_mail(2, &person).await;
    assert_eq!(notice.subject, "Votre mot de passe a été changé");
    assert!(!notice.text.contains('#'), "a notice contains no link to set a password: {}", notice.text);
}

#[tokio::test]
async fn email_uses_preferred_language_and_escapes_names() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::english(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    assert_eq!(mail.subject, "Password change");
    assert!(mail.text.contains(&format!("Hello Jane {}", person.family_name)), "{}", mail.text);
    assert!(mail.html.contains("Hello Jane O&#39;Hara "), "{}", mail.html);
}

/// Without streams, as if the record were lost, the sweep sends the email.
#[tokio::test]
async fn sweep_sends_email_without_stream() {
    let portal = Setup::new().with("--no-streams").start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    visitor.reset(mail.token(), "oie7").await.expect(204, "");
}

#[tokio::test]
async fn tables_store_no_plain_token_or_password() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    visitor.reset(mail.token(), "secret-bien-garde-1").await.expect(204, "");
    visitor.sign_in(&person.account, "secret-bien-garde-1").await.expect(200, "");
    let cookie = visitor.cookie("__Host-session").unwrap();
    let session_secret = cookie.rsplit('.').next().unwrap().to_owned();
    for table in portal.tables() {
        let items = serde_json::to_string(&portal.items(&table).await).unwrap();
        for secret in [mail.token(), "secret-bien-garde-1", &session_secret] {
            assert!(!items.contains(secret), "{table} contains a secret");
        }
    }
}
