//! The main flows in a browser, as the staff's guide describes them.

use guichet_tests::{Browser, Person, Portal, Setup, pages};
use serde_json::{Value, json};

const SIGN_IN: &str = "Bienvenue sur le portail Web du Centre de services";
pub(crate) const REQUEST_ACCEPTED: &str = "Votre demande est reçue";
pub(crate) const PASSWORD_SET: &str = "Votre mot de passe est changé. Connectez-vous maintenant avec le nouveau.";
pub(crate) const LINK: &str = "Changement de mot de passe";
const REMEMBER_ME: &str = "Se souvenir de moi";
const REMEMBER_NAME: &str = "Se souvenir uniquement de mon nom";
const REMEMBER_NONE: &str = "Ne pas se souvenir de moi";

fn name_of(person: &Person) -> String {
    format!("{} {}", person.given_name, person.family_name)
}

async fn sign_in(browser: &Browser, person: &Person, password: &str, remember: &str) {
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.fill("Mot de passe", password).await;
    browser.click(remember).await;
    browser.click("Soumettre").await;
    browser.wait_for_path("/mon-compte").await;
    browser.wait_for_text(&name_of(person)).await;
}

async fn sign_out(browser: &Browser) {
    browser.click("Se déconnecter").await;
    browser.wait_for_path("/").await;
    browser.wait_for_text("Votre session est terminée.").await;
}

pub(crate) async fn choose(browser: &Browser, password: &str) {
    browser.fill("Nouveau mot de passe", password).await;
    browser.fill("Confirmation du nouveau mot de passe", password).await;
    browser.click("Soumettre").await;
}

async fn choose_a_password(browser: &Browser, password: &str) {
    browser.wait_for_path("/changer-mon-mot-de-passe").await;
    choose(browser, password).await;
    browser.wait_for_path("/").await;
    browser.wait_for_text(PASSWORD_SET).await;
}

async fn assert_no_console_messages(browser: &Browser) {
    let messages = browser.console().await;
    assert!(messages.is_empty(), "console messages: {messages:#?}");
}

#[tokio::test]
async fn register_reset_sign_in_and_sign_out_in_browser() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();

    browser.wait_for_text(SIGN_IN).await;
    browser.click("M'inscrire au service").await;
    browser.wait_for_path("/inscription").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.click("Soumettre").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;

    portal.nth_mail(1, &person).await;
    browser.follow_in_mail(LINK, &person).await;
    choose_a_password(&browser, "oie7").await;

    assert_eq!(browser.value_of("Nom d'utilisateur").await, person.account);
    browser.fill("Mot de passe", "oie7").await;
    browser.click("Soumettre").await;
    browser.wait_for_path("/mon-compte").await;
    browser.wait_for_text(&name_of(&person)).await;
    sign_out(&browser).await;
    assert_no_console_messages(&browser).await;

    browser.go("/mon-compte").await;
    browser.wait_for_path("/").await;
    browser.wait_for_text("Connectez-vous pour continuer.").await;
}

#[tokio::test]
async fn reset_can_be_cancelled() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "ancien1").await;

    browser.click("Mot de passe oublié ?").await;
    browser.wait_for_path("/mot-de-passe-oublie").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.click("Soumettre").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;

    // After the first email and the notice.
    portal.nth_mail(3, &person).await;
    browser.follow_in_mail(LINK, &person).await;
    browser.fill("Nouveau mot de passe", "nouveau2").await;
    browser.click("Annuler").await;
    browser.wait_for_path("/").await;

    browser.follow_in_mail(LINK, &person).await;
    choose_a_password(&browser, "nouveau2").await;
    sign_in(&browser, &person, "nouveau2", REMEMBER_NONE).await;
    sign_out(&browser).await;
    assert_no_console_messages(&browser).await;
}

#[tokio::test]
async fn remembered_name_is_filled_in_until_forgotten() {
    let portal = &Portal::start();
    let Some(mut browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;
    assert!(browser.is_selected(REMEMBER_NONE).await, "the default");

    sign_in(&browser, &person, "oie7", REMEMBER_NAME).await;
    browser.close_and_reopen().await;
    assert_eq!(browser.value_of("Nom d'utilisateur").await, person.account);
    assert!(browser.is_selected(REMEMBER_NAME).await, "otherwise the next sign-in would delete the name");

    sign_in(&browser, &person, "oie7", REMEMBER_NONE).await;
    browser.close_and_reopen().await;
    assert_eq!(browser.value_of("Nom d'utilisateur").await, "");
    assert!(browser.is_selected(REMEMBER_NONE).await);
    assert_no_console_messages(&browser).await;
}

#[tokio::test]
async fn only_remember_me_survives_browser_restart() {
    let portal = &Portal::start();
    let Some(mut browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;

    for (remember, stays) in [(REMEMBER_NONE, false), (REMEMBER_NAME, false), (REMEMBER_ME, true)] {
        sign_in(&browser, &person, "oie7", remember).await;
        let cookie = browser.cookie("__Host-session").await;
        assert_eq!(cookie.expires().is_some(), stays, "{cookie}");
        assert!(cookie.http_only().is_some_and(|it| it) && cookie.secure().is_some_and(|it| it), "{cookie}");

        browser.close_and_reopen().await;
        browser.go("/mon-compte").await;
        if stays {
            browser.wait_for_text(&name_of(&person)).await;
        } else {
            browser.wait_for_text("Connectez-vous pour continuer.").await;
        }
        assert_no_console_messages(&browser).await;
    }
    sign_out(&browser).await;
}

#[tokio::test]
async fn sign_in_redirects_to_desk_portal() {
    // Another origin, like the desk's portal.
    let other = Portal::start();
    let elsewhere = format!("{}/trouver-mon-compte", other.url());
    let portal = Setup::new().with(&format!("--set=DeskPortalUrl={elsewhere}")).start();
    let Some(browser) = Browser::open(&portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(&portal, &person, "oie7").await;

    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.fill("Mot de passe", "oie7").await;
    browser.click("Soumettre").await;
    browser.wait_for_url(&elsewhere).await;

    browser.go("/").await;
    browser.wait_for_text(&name_of(&person)).await;
    browser.click("Aller au portail").await;
    browser.wait_for_url(&elsewhere).await;
    assert_no_console_messages(&browser).await;
}

#[tokio::test]
async fn pages_log_no_console_errors() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::new();
    portal.visitor().sign_up(portal, &person, "oie7").await;

    for signed_in in [false, true] {
        for path in pages().into_iter().chain(["/_local/inbox".to_owned()]) {
            browser.go(&path).await;
            // The last thing that the scripts display; errors come before it.
            match path.as_str() {
                "/changer-mon-mot-de-passe" => browser.wait_for_text("Code du courriel").await,
                "/mon-compte" if signed_in => browser.wait_for_text(&name_of(&person)).await,
                "/_local/inbox" => browser.wait_for("h1").await,
                _ => browser.wait_for("html[data-translated] h1").await,
            }
        }
        if !signed_in {
            browser.go("/").await;
            sign_in(&browser, &person, "oie7", REMEMBER_NONE).await;
        }
        assert_no_console_messages(&browser).await;
    }

    // The console reports a missing page and violations of the content security policy.
    browser.go("/nulle-part").await;
    let messages = browser.console().await;
    assert!(messages.len() == 1 && messages[0].contains("status of 404"), "{messages:#?}");
    browser.run("document.body.setAttribute('style', 'color: red')").await;
    let messages = browser.console().await;
    assert!(messages.len() == 1 && messages[0].contains("Content Security Policy"), "{messages:#?}");
}

#[tokio::test]
async fn lockout_page_shows_wait_and_offers_reset() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let (person, colleague) = (Person::new(), portal.visitor());
    portal.visitor().sign_up(portal, &person, "oie7").await;
    for _ in 0..5 {
        colleague.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    let refused = colleague.sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    let wait: u32 = refused.header("retry-after").parse().unwrap();

    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.fill("Mot de passe", "oie7").await;
    browser.click("Soumettre").await;
    browser.wait_for_text("ou demandez un lien par courriel.").await;
    let text = browser.focused().await.replace('\u{a0}', " ");
    let minutes = wait.div_ceil(60);
    let sentence =
        |minutes| format!("Trop d'essais. Réessayez dans {minutes} minutes, ou demandez un lien par courriel.");
    assert!([minutes, minutes - 1].iter().any(|minutes| text.contains(&sentence(minutes))), "{wait} s: {text}");

    browser.click("Demander un lien par courriel").await;
    browser.wait_for_path("/mot-de-passe-oublie").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.click("Soumettre").await;
    browser.wait_for_text(REQUEST_ACCEPTED).await;
    // After the first email and the notice.
    portal.nth_mail(3, &person).await;
    browser.follow_in_mail(LINK, &person).await;
    choose_a_password(&browser, "nouveau2").await;
    sign_in(&browser, &person, "nouveau2", REMEMBER_NONE).await;
}

#[tokio::test]
async fn edge_js_rewrites_match_shared_cases() {
    let portal = Portal::start();
    let Some(browser) = Browser::open(&portal).await else { return };
    let program = format!(
        "{}; const cases = {};
        const ask = (uri) => handler({{
            context: {{ eventType: 'viewer-request' }}, viewer: {{ ip: '2001:db8::1' }},
            request: {{ method: 'GET', uri, querystring: {{}}, headers: {{ 'x-viewer-address': {{ value: '127.0.0.1' }} }} }},
        }});
        const status = (uri) => handler({{
            context: {{ eventType: 'viewer-response' }}, request: {{ uri, headers: {{}} }}, response: {{ statusCode: 200 }},
        }}).statusCode;
        return cases.concat([{{ uri: '/api/login' }}]).map(({{ uri }}) => {{
            const answer = ask(uri);
            if (answer.statusCode) return {{ uri, redirect: answer.headers.location.value, headers: Object.keys(answer.headers) }};
            return {{ uri, file: answer.uri, status: status(answer.uri), from: answer.headers['x-viewer-address'].value }};
        }});",
        include_str!("../../infra/edge.js"),
        include_str!("../../infra/edge-cases.json"),
    );
    let results = browser.evaluate(&program).await;
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../infra/edge-cases.json")).unwrap();
    for (case, result) in cases.iter().zip(results.as_array().unwrap()) {
        if case["redirect"].is_string() {
            assert_eq!(result["redirect"], case["redirect"]);
            assert!(result["headers"].as_array().unwrap().contains(&json!("strict-transport-security")), "{result}");
        } else if case["file"].is_string() {
            assert_eq!((&result["file"], &result["status"]), (&case["file"], &json!(200)), "{case}");
        } else {
            assert_eq!((&result["file"], &result["status"]), (&json!("/404.html"), &case["status"]), "{case}");
        }
    }
    // The edge forwards the API unchanged and sets the client's address.
    let api = &results[cases.len()];
    assert_eq!(
        (&api["file"], &api["status"], &api["from"]),
        (&json!("/api/login"), &json!(200), &json!("2001:db8::1"))
    );
}
