//! Error recovery: every error offers a next step with as little typing as possible.

use crate::main_flows::{LINK, PASSWORD_SET, REQUEST_ACCEPTED, choose};
use fantoccini::key::Key;
use guichet_tests::{Browser, Person, Portal};

const RULES: &str = "Règles du mot de passe";
/// Speeds up the page's timers: minutes become seconds.
const HURRY: &str = "const wait = setTimeout; window.setTimeout = (action, ms) => wait(action, ms / 60);";

#[tokio::test]
async fn missing_email_can_be_requested_again_in_place() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    browser.run_on_new_document(HURRY).await;
    browser.go("/inscription").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.click("Soumettre").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;
    browser.wait_for_text(&person.account).await;
    browser.wait_for_text("Si rien n'est arrivé à").await;
    assert!(browser.shows("#again[aria-disabled]").await, "another email cannot be requested yet");
    browser.click("Envoyer de nouveau").await;
    portal.nth_mail(1, &person).await;

    browser.wait_for("#again:not([aria-disabled])").await;
    portal.leave_dedup_window().await;
    browser.click("Envoyer de nouveau").await;
    browser.wait_for("#again[aria-disabled]").await;
    let mail = portal.nth_mail(2, &person).await;
    portal.visitor().check(mail.token()).await.expect(200, "");

    browser.click("Tapez-le de nouveau").await;
    assert_eq!(browser.value_of("Nom d'utilisateur").await, person.account, "kept for correction");
}

#[tokio::test]
async fn expired_link_is_replaced_in_one_click() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().register(&person.account).await.expect(202, "");
    portal.nth_mail(1, &person).await;
    browser.follow_in_mail(LINK, &person).await;
    browser.wait_for_text(RULES).await;
    portal.expire_links(&person.account).await;
    choose(&browser, "oie7").await;
    browser.wait_for_text("Ce lien est expiré").await;
    browser.click("Demander un nouveau lien").await;
    browser.wait_for_path("/mot-de-passe-oublie").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;
    portal.nth_mail(2, &person).await;
    browser.follow_in_mail(LINK, &person).await;
    choose(&browser, "oie7").await;
    browser.wait_for_text(PASSWORD_SET).await;
}

#[tokio::test]
async fn expired_link_asks_for_account_only_if_unknown() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    let used = portal.visitor().sign_up(portal, &person, "oie7").await;
    let link = format!("/changer-mon-mot-de-passe#{used}");
    browser.go(&link).await;
    browser.wait_for_text("Ce lien a déjà servi").await;
    browser.click("Demander un nouveau lien").await;
    browser.wait_for_path("/mot-de-passe-oublie").await;
    assert_eq!(browser.value_of("Nom d'utilisateur").await, "");

    browser.go("/").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.fill("Mot de passe", "oie7").await;
    browser.click("Se souvenir uniquement de mon nom").await;
    browser.click("Soumettre").await;
    browser.wait_for_path("/mon-compte").await;
    browser.go(&link).await;
    browser.click("Demander un nouveau lien").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;
    // After the first email and the notice.
    portal.nth_mail(3, &person).await;
}

#[tokio::test]
async fn mangled_link_is_repaired_and_token_can_be_pasted() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    browser.go(&format!("/changer-mon-mot-de-passe%23{}", mail.token())).await;
    browser.wait_for_text(RULES).await;

    let (start, _) = mail.token().split_at(20);
    browser.go("/").await;
    browser.go(&format!("/changer-mon-mot-de-passe#{start}")).await;
    browser.wait_for_text("Ce lien n'est pas reconnu").await;
    for pasted in [mail.link().to_owned(), format!("  {}\u{a0}", mail.token()), format!("<{}>", mail.link())] {
        browser.go("/").await;
        browser.go("/changer-mon-mot-de-passe").await;
        browser.fill("Code du courriel", &pasted).await;
        browser.click("Continuer").await;
        browser.wait_for_text(RULES).await;
    }
    choose(&browser, "oie7").await;
    browser.wait_for_text(PASSWORD_SET).await;
}

#[tokio::test]
async fn form_errors_say_what_to_do_and_disappear() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;
    browser.click("Soumettre").await;
    browser.wait_for_text("Entrez votre nom d'utilisateur.").await;
    assert_eq!(browser.evaluate("return document.title.startsWith('Erreur')").await, true);
    browser.fill("Nom d'utilisateur", &person.account.to_uppercase()).await;
    browser.fill("Mot de passe", "faux1").await;
    browser.press(&Key::Enter).await;
    browser.wait_for_text("Le nom d'utilisateur ou le mot de passe n'est pas le bon.").await;
    assert_eq!(browser.value_of("Nom d'utilisateur").await, person.account.to_uppercase(), "the input is kept");
    browser.click("Mot de passe oublié ?").await;
    browser.wait_for_path("/mot-de-passe-oublie").await;
    browser.fill("Nom d'utilisateur", "élise gagné").await;
    browser.click("Soumettre").await;
    browser.wait_for_text("de 1 à 64 lettres sans accent").await;
    browser.fill("Nom d'utilisateur", &format!(" {} ", person.account)).await;
    browser.click("Soumettre").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;
    assert!(!browser.shows("#errors").await);
}

#[tokio::test]
async fn keyboard_alone_is_enough() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    browser.press(&Key::Tab).await;
    assert_eq!(browser.focused().await, "Aller au contenu");
    browser.tab_to("M'inscrire au service").await;
    browser.press(&Key::Enter).await;
    browser.wait_for_path("/inscription").await;
    browser.wait_for("[type=submit]:enabled").await;
    browser.tab_to("Nom d'utilisateur").await;
    browser.press(&Key::Enter).await;
    browser.wait_for_text("Il y a un problème").await;
    assert!(browser.focused().await.starts_with("Il y a un problème"), "the summary has the focus");
    browser.tab_to("Entrez votre nom d'utilisateur.").await;
    browser.press(&Key::Enter).await;
    assert_eq!(browser.focused().await, "Nom d'utilisateur");
    browser.press(&person.account).await;
    browser.press(&Key::Enter).await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;
    assert!(browser.focused().await.starts_with(REQUEST_ACCEPTED), "the confirmation has the focus");

    let mail = portal.nth_mail(1, &person).await;
    browser.go(&format!("/changer-mon-mot-de-passe#{}", mail.token())).await;
    browser.wait_for_text(RULES).await;
    for field in ["Nouveau mot de passe", "Confirmation du nouveau mot de passe"] {
        browser.tab_to(field).await;
        browser.press("oie7").await;
    }
    browser.tab_to("Soumettre").await;
    browser.press(&Key::Space).await;
    browser.wait_for_text(PASSWORD_SET).await;

    assert_eq!(browser.focused().await, "Mot de passe", "the name is filled in");
    browser.press("oie7").await;
    browser.tab_to("Ne pas se souvenir de moi").await;
    browser.press(&Key::Up).await;
    assert_eq!(browser.focused().await, "Se souvenir uniquement de mon nom");
    browser.tab_to("Soumettre").await;
    browser.press(&Key::Enter).await;
    browser.wait_for_path("/mon-compte").await;
    browser.wait_for_text(&person.family_name).await;
    browser.tab_to("Se déconnecter").await;
    browser.press(&Key::Space).await;
    browser.wait_for_path("/").await;
    assert_eq!(browser.value_of("Nom d'utilisateur").await, person.account, "the remembered name");
}
