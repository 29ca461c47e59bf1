//! The language of pages: Québec French by default, English on request, and never a mix.

use guichet_tests::{Browser, Person, Portal, pages};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Collects the markup's texts by key, the texts of both catalogs, and text outside of them. `PAGES` are the site's
/// pages.
const TEXTS: &str = r"
    const done = arguments[0];
    (async () => {
        const markup = [], outside = [];
        const read = (root, page) => {
            for (const element of root.querySelectorAll('[data-text]')) {
                // Child elements are numbered, as in the catalogs.
                const number = (node) => [...node.childNodes].map((child) => child.nodeType === Node.TEXT_NODE
                    ? child.data : `<${[...node.children].indexOf(child)}>${number(child)}</>`).join('');
                markup.push([element.dataset.text, number(element)]);
            }
            const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
            for (let node = walk.nextNode(); node; node = walk.nextNode()) {
                if (/\p{L}/u.test(node.data) && !node.parentElement.closest('[data-text], [data-desk-name], noscript')) {
                    outside.push(`${page}: ${node.data}`);
                }
            }
            for (const attribute of ['title', 'alt', 'placeholder', 'aria-label', 'content', 'value']) {
                for (const element of root.querySelectorAll(`[${attribute}]`)) {
                    const words = element.getAttribute(attribute);
                    if (!element.matches('meta, [type=radio]')) outside.push(`${page}: ${attribute}=${words}`);
                }
            }
            for (const template of root.querySelectorAll('template')) read(template.content, page);
        };
        for (const file of [...PAGES, '/nulle-part']) {
            // As served, without running scripts.
            const page = await new Promise((resolve) => {
                const request = new XMLHttpRequest();
                request.open('GET', file);
                request.responseType = 'document';
                request.onload = () => resolve(request.response);
                request.send();
            });
            read(page, file);
        }
        const [fr, en] = await Promise.all(['fr', 'en'].map(async (it) => (await import(`/i18n/${it}.js`)).default));
        done({ markup, outside, fr, en });
    })();";

fn catalog(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).expect("keys and texts")
}

/// The placeholders of a text, sorted.
fn placeholders(text: &str) -> Vec<String> {
    let mut found: Vec<String> =
        text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
    // `<0>words</0>`, `<0></>`, and `<0/>` all refer to child 0.
    found.extend(text.split('<').skip(1).filter(|part| !part.starts_with('/')).map(|part| part[..1].to_owned()));
    found.sort();
    found
}

#[tokio::test]
async fn every_text_exists_in_both_languages() {
    let portal = Portal::start();
    let Some(browser) = Browser::open(&portal).await else { return };
    let texts = browser.evaluate_later(&format!("const PAGES = {};{TEXTS}", json!(pages()))).await;
    assert_eq!(texts["outside"], json!([]), "no text outside the catalogs");
    let (scripts, english) = (catalog(&texts["fr"]), catalog(&texts["en"]));
    let mut markup = BTreeMap::new();
    for pair in texts["markup"].as_array().unwrap() {
        let (key, text) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        let before = markup.insert(key.to_owned(), text.to_owned());
        assert!(before.is_none_or(|it| it == text), "{key} has two texts");
    }
    assert!(markup.keys().all(|key| !scripts.contains_key(key)), "texts in the markup are not in the scripts' catalog");
    let french: BTreeMap<_, _> = markup.into_iter().chain(scripts).collect();
    let keys = |catalog: &BTreeMap<String, String>| catalog.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&french), keys(&english));
    assert!(french.len() > 150, "{}", french.len());
    for (key, text) in &french {
        assert_eq!(placeholders(text), placeholders(&english[key]), "{key}");
        // French has a no-break space inside « » and before a colon, and none before ? and !, except in the desk's own
        // page title.
        let spaced = text.replace("oublié ?", "");
        for wrong in [" :", " !", " ?", " ;", "« ", " »"] {
            assert!(!spaced.contains(wrong), "{key}: {text}");
        }
    }
}

#[tokio::test]
async fn browser_language_applies_until_chosen() {
    let portal = &Portal::start();
    let Some(mut browser) = Browser::open_in(portal, "de,en-GB,fr").await else { return };
    browser.wait_for_text("Welcome to the service desk web portal").await;
    assert_eq!(browser.evaluate("return document.documentElement.lang").await, "en-CA");
    browser.click("Français").await;
    browser.wait_for_text("Bienvenue sur le portail Web du Centre de services").await;
    assert_eq!(browser.evaluate("return document.documentElement.lang").await, "fr-CA");
    browser.click("M'inscrire au service").await;
    browser.wait_for_path("/inscription").await;
    browser.close_and_reopen().await;
    browser.wait_for_text("Bienvenue sur le portail Web du Centre de services").await;
    assert_eq!(browser.evaluate("return document.documentElement.lang").await, "fr-CA");
    let messages = browser.console().await;
    assert!(messages.is_empty(), "{messages:#?}");
}

#[tokio::test]
async fn unsupported_language_falls_back_to_french() {
    let portal = Portal::start();
    let Some(browser) = Browser::open_in(&portal, "de,it").await else { return };
    browser.wait_for_text("Bienvenue sur le portail Web du Centre de services").await;
}

#[tokio::test]
async fn preferred_language_applies_from_the_link_on() {
    let portal = &Portal::start();
    let Some(browser) = Browser::open(portal).await else { return };
    let person = Person::english();
    browser.click("M'inscrire au service").await;
    browser.fill("Nom d'utilisateur", &person.account).await;
    browser.click("Soumettre").await;
    // An error response does not reveal the account's language.
    browser.wait_for_text("Votre demande est reçue").await;
    portal.nth_mail(1, &person).await;
    browser.follow_in_mail("Password change", &person).await;
    browser.wait_for_text("Password rules").await;
    browser.fill("New password", "oie7").await;
    browser.fill("Confirm the new password", "oie7").await;
    browser.click("Submit").await;
    browser.wait_for_text("Your password is changed. Sign in with the new one now.").await;
    browser.fill("Password", "oie7").await;
    browser.click("Submit").await;
    browser.wait_for_path("/mon-compte").await;
    browser.wait_for_text("My open sessions").await;
    let hours =
        "return /\\d{1,2}:\\d{2}\\u00a0[ap]\\.m\\./.test(document.querySelector('[data-slot=since]').textContent)";
    assert_eq!(browser.evaluate(hours).await, true, "Canadian English format");

    // An explicit choice of language is kept.
    browser.click("Français").await;
    browser.wait_for_text("Mes sessions ouvertes").await;
    let hours = "return /\\d{1,2}\\u00a0h\\u00a0\\d{2}/.test(document.querySelector('[data-slot=since]').textContent)";
    assert_eq!(browser.evaluate(hours).await, true, "Québec format");
    browser.run("location.reload()").await;
    browser.wait_for_text("Mes sessions ouvertes").await;
    let messages = browser.console().await;
    assert!(messages.is_empty(), "{messages:#?}");
}

#[tokio::test]
async fn content_language_is_revealed_only_to_owner() {
    let portal = &Portal::start();
    for (person, language) in [(Person::new(), "fr-CA"), (Person::english(), "en-CA")] {
        let visitor = portal.visitor();
        let asked = visitor.register(&person.account).await.expect(202, "");
        assert_eq!(asked.header("content-language"), "");
        let mail = portal.nth_mail(1, &person).await;
        let checked = visitor.check(mail.token()).await.expect(200, "");
        assert_eq!(checked.header("content-language"), language);
        visitor.reset(mail.token(), "oie7").await.expect(204, "");
        let refused = visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        assert_eq!(refused.header("content-language"), "");
        let signed_in = visitor.sign_in(&person.account, "oie7").await.expect(200, "");
        assert_eq!(signed_in.header("content-language"), language);
        assert_eq!(visitor.get("/api/session").await.header("content-language"), language);
    }
}
