//! Shared workstations, several tabs, phones, link scanners, slow networks, and password managers.

use crate::main_flows::{LINK, PASSWORD_SET, REQUEST_ACCEPTED, choose};
use fantoccini::key::Key;
use guichet_tests::{Browser, Person, Portal, pages};
use serde_json::json;
use std::time::Duration;

const SIGN_IN_FIRST: &str = "Connectez-vous pour continuer.";

async fn sign_in(browser: &Browser, person: &Person) {
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.fill("Mot de passe", "oie7").await;
    browser.click("Soumettre").await;
    browser.wait_for_path("/mon-compte").await;
    browser.wait_for_text(&format!("{} {}", person.given_name, person.family_name)).await;
}

/// A person with a link, and the link's path.
async fn invited(portal: &Portal) -> (Person, String) {
    let person = Person::new();
    portal.visitor().register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    (person, format!("/changer-mon-mot-de-passe#{}", mail.token()))
}

#[tokio::test]
async fn signed_in_colleague_is_shown_and_signed_out_in_one_click() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (first, second) = (Person::new(), Person::new());
    for person in [&first, &second] {
        portal.visitor().sign_up(portal, person, "oie7").await;
    }
    sign_in(&browser, &first).await;
    browser.go("/").await;
    browser.wait_for_text(&first.family_name).await;
    browser.wait_for_text("ce n'est pas vous?").await;
    browser.click("Se déconnecter").await;
    browser.wait_for_text("Votre session est terminée.").await;
    sign_in(&browser, &second).await;
    assert!(!browser.shows_text(&first.family_name).await, "no data of the previous user");
}

#[tokio::test]
async fn sign_out_clears_other_tabs() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;
    sign_in(&browser, &person).await;
    let first = browser.open_tab().await;
    browser.wait_for_text(&person.family_name).await;
    browser.click("Se déconnecter").await;
    browser.wait_for_text("Votre session est terminée.").await;

    browser.to_tab(first).await;
    browser.wait_for_path("/").await;
    browser.wait_for_text(SIGN_IN_FIRST).await;
    assert!(!browser.shows_text(&person.family_name).await, "no data of the signed-out user");
}

#[tokio::test]
async fn revoked_session_redirects_to_sign_in() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (person, telephone) = (Person::new(), portal.visitor());
    telephone.sign_up(portal, &person, "oie7").await;
    telephone.sign_in(&person.account, "oie7").await.expect(200, "");
    sign_in(&browser, &person).await;
    telephone.delete("/api/sessions").await.expect(204, "");
    browser.fill("Mot de passe actuel", "oie7").await;
    choose(&browser, "nouveau2").await;
    browser.wait_for_path("/").await;
    browser.wait_for_text(SIGN_IN_FIRST).await;
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn expired_session_clears_the_screen() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;
    // For the page's timers an hour is two seconds.
    browser
        .run_on_new_document("const wait = setTimeout; window.setTimeout = (action, ms) => wait(action, ms / 1800);")
        .await;
    sign_in(&browser, &person).await;
    portal.end_sessions(&person.account, "idle_ends_at").await;
    browser.wait_for_path("/").await;
    browser.wait_for_text(SIGN_IN_FIRST).await;
    assert!(!browser.shows_text(&person.family_name).await, "no data of the signed-out user");
}

#[tokio::test]
async fn link_in_two_tabs_works_once() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (_, link) = invited(portal).await;
    browser.go(&link).await;
    browser.wait_for_text("Règles du mot de passe").await;
    let first = browser.open_tab().await;
    browser.go(&link).await;
    choose(&browser, "oie7").await;
    browser.wait_for_text(PASSWORD_SET).await;
    browser.to_tab(first).await;
    choose(&browser, "autre8").await;
    browser.wait_for_text("Ce lien a déjà servi").await;
    browser.click("Retour à la connexion").await;
    browser.wait_for_path("/").await;
}

#[tokio::test]
async fn link_requested_on_workstation_works_on_phone() {
    let portal = &Portal::start();
    let Some(workstation) = Browser::open(portal).await else { return };
    let Some(telephone) = Browser::open(portal).await else { return };
    let person = Person::new();
    workstation.click("M'inscrire au service").await;
    workstation.fill("Nom d'utilisateur", &person.account).await;
    workstation.click("Soumettre").await;
    workstation.wait_for_text(REQUEST_ACCEPTED).await;
    portal.nth_mail(1, &person).await;

    telephone.follow_in_mail(LINK, &person).await;
    assert_eq!(telephone.value_of("Nom d'utilisateur").await, person.account);
    choose(&telephone, "oie7").await;
    telephone.wait_for_text(PASSWORD_SET).await;

    workstation.click("Retour à la connexion").await;
    sign_in(&workstation, &person).await;
}

#[tokio::test]
async fn link_scanner_does_not_use_up_the_link() {
    let portal = &Portal::start();
    let Some(scanner) = Browser::open(portal).await else { return };
    let Some(browser) = Browser::open(portal).await else { return };
    let (_, link) = invited(portal).await;
    for button in ["Soumettre", "Annuler"] {
        scanner.go(&link).await;
        scanner.click(button).await;
        // Otherwise only the fragment changes and the page is not loaded.
        scanner.go("/accessibilite").await;
    }
    browser.go(&link).await;
    choose(&browser, "oie7").await;
    browser.wait_for_text(PASSWORD_SET).await;
}

#[tokio::test]
async fn pages_without_scripts_show_alternatives() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    // The accessibility statement needs no script.
    for path in pages().into_iter().filter(|path| path != "/accessibilite") {
        browser.go_without_scripts(&path).await;
        browser.wait_for_text("Cette page a besoin de JavaScript").await;
        browser.wait_for_text("This page needs JavaScript").await;
        browser.wait_for_text("514 555-0123").await;
        assert!(!browser.shows("[type=submit]:enabled").await, "{path}: what cannot be sent is not offered");
    }
}

#[tokio::test]
async fn slow_request_shows_progress_and_is_sent_once() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.fill("Mot de passe", "oie7").await;
    browser.slow_network(Duration::from_secs(3)).await;
    browser.click("Soumettre").await;
    browser.wait_for_text("Un instant…").await;
    browser.click("Un instant…").await;
    browser.press(&Key::Enter).await;
    browser.slow_network(Duration::ZERO).await;
    browser.wait_for_path("/mon-compte").await;
    browser.wait_for("#sessions > li").await;
    let sessions = portal.visitor();
    sessions.sign_in(&person.account, "oie7").await.expect(200, "");
    let sessions = sessions.get("/api/sessions").await.expect(200, "").json();
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 2, "the browser's session and this one: {sessions}");
}

#[tokio::test]
async fn offline_form_keeps_its_input() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (_, link) = invited(portal).await;
    browser.go(&link).await;
    browser.wait_for_text("Règles du mot de passe").await;
    browser.go_offline().await;
    choose(&browser, "oie7").await;
    browser.wait_for_text("Impossible de joindre le service. Ce que vous avez tapé est encore là.").await;
    assert_eq!(browser.value_of("Confirmation du nouveau mot de passe").await, "oie7");
    browser.slow_network(Duration::ZERO).await;
    browser.click("Soumettre").await;
    browser.wait_for_text(PASSWORD_SET).await;
}

#[tokio::test]
async fn back_and_reload_keep_the_link() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (person, link) = invited(portal).await;
    browser.go(&link).await;
    browser.wait_for_text("Règles du mot de passe").await;
    assert_eq!(browser.evaluate("return location.hash").await, "", "the token is not in the address");
    browser.run("location.reload()").await;
    browser.wait_for_text("Règles du mot de passe").await;
    browser.click("Annuler").await;
    browser.wait_for_path("/").await;
    browser.run("history.back()").await;
    browser.wait_for_path("/changer-mon-mot-de-passe").await;
    browser.wait_for_text("Règles du mot de passe").await;
    choose(&browser, "oie7").await;
    browser.wait_for_text(PASSWORD_SET).await;
    sign_in(&browser, &person).await;
    browser.click("Se déconnecter").await;
    browser.wait_for_path("/").await;
    browser.run("history.back()").await;
    browser.wait_for_text("Entrez votre nom d'utilisateur et votre mot de passe").await;
    assert!(!browser.shows_text(&person.family_name).await, "going back does not reveal the account");
}

#[tokio::test]
async fn password_managers_recognize_the_forms() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (person, link) = invited(portal).await;
    let fields = "return [...document.querySelectorAll('form:not([hidden], [hidden] *) input:not([type=radio])')]
        .map((input) => [input.name, input.type, input.autocomplete, input.value])";
    let account = person.account.as_str();
    browser.wait_for("[type=submit]:enabled").await;
    assert_eq!(
        browser.evaluate(fields).await,
        json!([["account", "text", "username", ""], ["password", "password", "current-password", ""]])
    );
    browser.go(&link).await;
    browser.wait_for_text("Règles du mot de passe").await;
    assert_eq!(
        browser.evaluate(fields).await,
        json!([
            ["account", "text", "username", account],
            ["password", "password", "new-password", ""],
            ["confirmation", "password", "new-password", ""]
        ])
    );
    choose(&browser, "oie7").await;
    browser.wait_for_text(PASSWORD_SET).await;
    sign_in(&browser, &person).await;
    assert_eq!(
        browser.evaluate(fields).await,
        json!([
            ["account", "text", "username", account],
            ["current", "password", "current-password", ""],
            ["password", "password", "new-password", ""],
            ["confirmation", "password", "new-password", ""]
        ])
    );
}

#[tokio::test]
async fn password_can_be_pasted_shown_and_warns_of_caps_lock() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;
    browser.fill("Nom d'utilisateur", "oie7").await;
    for keys in ["a", "x"] {
        browser.press(&format!("{}{keys}{}", char::from(Key::Control), char::from(Key::Null))).await;
    }
    browser.press(&Key::Tab).await;
    browser.press(&format!("{}v", char::from(Key::Control))).await;
    assert_eq!(browser.value_of("Mot de passe").await, "oie7");

    let kind = "return document.getElementById('password').type";
    assert_eq!(browser.evaluate(kind).await, "password");
    browser.click("Afficher").await;
    assert_eq!(browser.evaluate(kind).await, "text");
    let key = |on: bool| {
        format!(
            "document.getElementById('password')
                .dispatchEvent(new KeyboardEvent('keydown', {{ key: 'A', modifierCapsLock: {on}, bubbles: true }}))"
        )
    };
    browser.run(&key(true)).await;
    browser.wait_for_text("Le verrouillage des majuscules est activé.").await;
    browser.run(&key(false)).await;
    assert!(!browser.shows_text("Le verrouillage des majuscules est activé.").await);

    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.slow_network(Duration::from_secs(2)).await;
    browser.click("Soumettre").await;
    assert_eq!(browser.evaluate(kind).await, "password", "a submitted password is hidden again");
    browser.slow_network(Duration::ZERO).await;
    browser.wait_for_path("/mon-compte").await;
}
