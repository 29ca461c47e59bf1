//! Accessibility of every state of every page, in both languages, on the screens of [`Browser::assert_accessible`].

use guichet_tests::{Browser, Person, Portal, Setup, has_axe, until_refused};
use serde_json::json;

const UNKNOWN_ACCOUNT: &str = "personne-ne-porte-ce-nom";

struct Tour {
    browser: Browser,
    language: &'static str,
}

impl Tour {
    async fn open(portal: &Portal, language: &'static str) -> Option<Self> {
        let languages = if language == "fr" { "fr-CA,fr" } else { "en-CA,en" };
        Some(Self { browser: Browser::open_in(portal, languages).await?, language })
    }

    fn person(&self) -> Person {
        if self.language == "fr" { Person::new() } else { Person::english() }
    }

    async fn assert_accessible(&self, state: &str) {
        self.browser.assert_accessible(&format!("{}-{state}", self.language)).await;
    }

    /// Opens a page, and waits until its form is enabled.
    async fn go(&self, path: &str) {
        self.browser.go(path).await;
        self.browser.wait_for("[type=submit]:enabled").await;
    }

    async fn submit(&self) {
        self.browser.click_on("[type=submit]:enabled:not([aria-busy])").await;
    }

    /// Submits a page's form, and checks the error state.
    async fn submit_and_check_error(&self, state: &str) {
        self.submit().await;
        self.browser.wait_for("#errors").await;
        self.assert_accessible(state).await;
    }

    async fn sign_in(&self, account: &str, password: &str) {
        self.browser.type_into("#account", account).await;
        self.browser.type_into("#password", password).await;
        self.submit().await;
    }
}

#[tokio::test]
async fn every_state_is_accessible_in_french() {
    check_all_states("fr").await;
}

#[tokio::test]
async fn every_state_is_accessible_in_english() {
    check_all_states("en").await;
}

async fn check_all_states(language: &'static str) {
    if !has_axe() {
        return;
    }
    let portal = Setup::new().start();
    let Some(tour) = Tour::open(&portal, language).await else { return };
    check_sign_in(&portal, &tour).await;
    check_link_request(&tour).await;
    check_reset(&portal, &tour).await;
    check_find_account(&tour).await;
    check_account_page(&portal, &tour).await;
    check_other_pages(&tour).await;

    let managed = "--set=ManagedNetworks=10.0.0.0/8";
    let portal = Setup::new().with(managed).with("--set=DeskPortalUrl=https://bureau.example/accueil").start();
    let Some(tour) = Tour::open(&portal, language).await else { return };
    check_untrusted(&portal, &tour).await;
}

async fn check_sign_in(portal: &Portal, tour: &Tour) {
    let (browser, person, visitor) = (&tour.browser, tour.person(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    tour.go("/").await;
    tour.assert_accessible("sign-in").await;
    tour.submit_and_check_error("sign-in-empty").await;
    tour.sign_in(&person.account, "faux1").await;
    browser.wait_for("#password[aria-invalid]").await;
    tour.assert_accessible("sign-in-wrong").await;
    portal.fail_table("Throttles", &[]);
    browser.type_into("#password", "oie7").await;
    tour.submit_and_check_error("sign-in-unavailable").await;
    portal.clear_faults();
    until_refused(100, async |_| portal.visitor().sign_in(&person.account, "faux1").await).await;
    browser.type_into("#password", "oie7").await;
    tour.submit_and_check_error("sign-in-throttled").await;
    portal.clear_limits().await;

    browser.go("/mon-compte").await;
    browser.wait_for("#done").await;
    tour.assert_accessible("sign-in-first").await;
}

async fn check_link_request(tour: &Tour) {
    let browser = &tour.browser;
    for (path, name) in [("/inscription", "register"), ("/mot-de-passe-oublie", "forgotten")] {
        tour.go(path).await;
        tour.assert_accessible(name).await;
        tour.submit_and_check_error(&format!("{name}-empty")).await;
        browser.type_into("#account", "élise gagné").await;
        tour.submit_and_check_error(&format!("{name}-malformed")).await;
        browser.type_into("#account", UNKNOWN_ACCOUNT).await;
        tour.submit().await;
        browser.wait_for("#done").await;
        tour.assert_accessible(&format!("{name}-asked")).await;
    }
}

async fn check_reset(portal: &Portal, tour: &Tour) {
    let (browser, person, visitor) = (&tour.browser, tour.person(), portal.visitor());
    browser.go("/changer-mon-mot-de-passe").await;
    browser.wait_for("#token").await;
    tour.assert_accessible("reset-code").await;
    tour.submit_and_check_error("reset-code-empty").await;
    browser.type_into("#token", "pas un code").await;
    browser.click_on("#paste-code [type=submit]").await;
    browser.wait_for("[data-code=link-unknown]").await;
    tour.assert_accessible("reset-unknown").await;

    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    let page = format!("/changer-mon-mot-de-passe#{}", mail.token());
    portal.fail_table("Tokens", &[]);
    browser.go(&page).await;
    browser.wait_for("#retry").await;
    tour.assert_accessible("reset-unavailable").await;
    portal.clear_faults();
    browser.click_on("#retry").await;
    browser.wait_for("#reset").await;
    tour.assert_accessible("reset").await;
    browser.click_on("#reset [type=submit]").await;
    browser.wait_for("#errors").await;
    tour.assert_accessible("reset-empty").await;
    browser.type_into("#password", "court").await;
    browser.type_into("#confirmation", "court").await;
    browser.click_on("#reset [type=submit]").await;
    browser.wait_for("#password[aria-invalid]").await;
    tour.assert_accessible("reset-refused").await;
    portal.expire_links(&person.account).await;
    browser.type_into("#password", "nouveau2").await;
    browser.type_into("#confirmation", "nouveau2").await;
    browser.click_on("#reset [type=submit]").await;
    browser.wait_for("[data-code=link-expired]").await;
    tour.assert_accessible("reset-expired").await;

    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(2, &person).await;
    let page = format!("/changer-mon-mot-de-passe#{}", mail.token());
    browser.go("/").await;
    browser.go(&page).await;
    browser.type_into("#password", "nouveau2").await;
    browser.type_into("#confirmation", "nouveau2").await;
    browser.click_on("#reset [type=submit]").await;
    browser.wait_for("#sign-in").await;
    browser.wait_for("#done").await;
    tour.assert_accessible("sign-in-changed").await;
    browser.go(&page).await;
    browser.wait_for("[data-code=link-used]").await;
    tour.assert_accessible("reset-used").await;
    let notice = portal.nth_mail(3, &person).await;
    for (mail, name) in [(mail, "mail-link"), (notice, "mail-notice")] {
        browser.show(&mail.html).await;
        tour.assert_accessible(name).await;
    }
}

async fn check_find_account(tour: &Tour) {
    let (browser, person) = (&tour.browser, tour.person());
    tour.go("/trouver-mon-compte").await;
    tour.assert_accessible("find").await;
    tour.submit_and_check_error("find-empty").await;
    for (email, name) in
        [(person.email.as_str(), "one"), ("partage@sante.example", "two"), ("personne@ailleurs.example", "none")]
    {
        browser.type_into("#email", email).await;
        tour.submit().await;
        browser.wait_for("[type=submit]:not([aria-busy])").await;
        browser.wait_for("#results").await;
        tour.assert_accessible(&format!("find-{name}")).await;
    }
}

async fn check_account_page(portal: &Portal, tour: &Tour) {
    let (browser, person) = (&tour.browser, tour.person());
    portal.visitor().sign_up(portal, &person, "oie7").await;
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    portal.untrusted_visitor().sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    tour.go("/").await;
    tour.sign_in(&person.account, "oie7").await;
    browser.wait_for("#sessions > :nth-child(2)").await;
    tour.assert_accessible("account").await;
    tour.submit_and_check_error("account-empty").await;
    browser.type_into("#current", "faux1").await;
    browser.type_into("#password", "nouveau2").await;
    browser.type_into("#confirmation", "nouveau2").await;
    tour.submit().await;
    browser.wait_for("#current[aria-invalid]").await;
    tour.assert_accessible("account-wrong").await;
    browser.type_into("#current", "oie7").await;
    tour.submit().await;
    browser.wait_for("#done").await;
    tour.assert_accessible("account-changed").await;
    tour.go("/").await;
    browser.wait_for("#signed-in").await;
    tour.assert_accessible("sign-in-signed-in").await;
    portal.fail_table("Sessions", &[]);
    browser.go("/mon-compte").await;
    browser.wait_for("#retry").await;
    tour.assert_accessible("account-unavailable").await;
    portal.clear_faults();
    browser.click_on("#retry").await;
    browser.click_on("#sign-out").await;
    browser.wait_for("#sign-in").await;
    browser.wait_for("#done").await;
    tour.assert_accessible("sign-in-signed-out").await;
}

async fn check_other_pages(tour: &Tour) {
    let browser = &tour.browser;
    for (path, name) in [("/accessibilite", "accessibility"), ("/nulle-part", "not-found"), ("/_local/inbox", "inbox")]
    {
        browser.go(path).await;
        browser.wait_for("h1").await;
        if name != "inbox" || tour.language == "fr" {
            tour.assert_accessible(name).await;
        }
    }
    browser.go_without_scripts("/").await;
    browser.wait_for_text("Cette page a besoin de JavaScript").await;
    tour.assert_accessible("sign-in-no-scripts").await;
}

/// With stricter limits, and a portal to return to.
async fn check_untrusted(portal: &Portal, tour: &Tour) {
    let (browser, person, visitor) = (&tour.browser, tour.person(), portal.visitor());
    tour.go("/trouver-mon-compte").await;
    browser.type_into("#email", &person.email).await;
    tour.submit_and_check_error("find-untrusted").await;
    for (path, name) in [("/inscription", "register"), ("/mot-de-passe-oublie", "forgotten")] {
        until_refused(100, async |_| {
            let response = if name == "register" {
                visitor.register(UNKNOWN_ACCOUNT).await
            } else {
                visitor.request_reset(UNKNOWN_ACCOUNT).await
            };
            portal.leave_dedup_window().await;
            response
        })
        .await;
        tour.go(path).await;
        browser.type_into("#account", UNKNOWN_ACCOUNT).await;
        tour.submit_and_check_error(&format!("{name}-throttled")).await;
    }
    let unknown = "A".repeat(43);
    browser.go("/changer-mon-mot-de-passe").await;
    // The browser's address may differ from that of the other clients.
    for _ in 0..50 {
        browser.type_into("#token", &unknown).await;
        browser.click_on("#paste-code [type=submit]").await;
        browser.wait_for("#paste-code [type=submit]:not([aria-busy])").await;
        if browser.shows("#errors").await {
            break;
        }
    }
    browser.wait_for("#errors").await;
    tour.assert_accessible("reset-throttled").await;
    portal.clear_limits().await;

    visitor.sign_up(portal, &person, "oie7").await;
    for _ in 0..4 {
        until_refused(100, async |_| portal.untrusted_visitor().sign_in(&person.account, "faux1").await).await;
        portal.advance_days().await;
    }
    tour.go("/").await;
    tour.sign_in(&person.account, "oie7").await;
    browser.wait_for("#errors").await;
    tour.assert_accessible("sign-in-only-a-link").await;
    portal.clear_limits().await;
    // Do not follow the redirect to the desk's portal, which does not exist.
    let form = json!({ "account": person.account, "password": "oie7" });
    let sign_in = format!(
        "fetch('/api/login', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, body: '{form}' }})
            .then(({{ status }}) => arguments[0](status))"
    );
    assert_eq!(browser.evaluate_later(&sign_in).await, 200);
    browser.go("/mon-compte").await;
    browser.wait_for("#portal-link").await;
    tour.assert_accessible("account-onward").await;
}
