//! The pages without scripts.

use guichet_tests::{Portal, pages};
use std::collections::BTreeSet;

#[tokio::test]
async fn pages_share_header_and_footer() {
    let portal = Portal::start();
    let visitor = portal.visitor();
    let mut frames = BTreeSet::new();
    for path in pages().iter().map(String::as_str).chain(["/nulle-part"]) {
        let page = visitor.get(path).await.text;
        let (head, rest) = page.split_once("<main").expect("a main part");
        let (_, foot) = rest.split_once("</main>").expect("its end");
        let own = |line: &str| line.contains("<title") || line.contains("<script type=\"module\"");
        let frame: Vec<_> = head.lines().chain(foot.lines()).filter(|line| !own(line)).collect();
        frames.insert(frame.join("\n"));
    }
    assert_eq!(frames.len(), 1, "{frames:#?}");
}

#[tokio::test]
async fn pages_are_french_with_strict_csp() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for path in pages() {
        let page = visitor.get(&path).await.expect(200, "");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.text.contains("<html lang=\"fr"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert!(page.header("strict-transport-security").contains("includeSubDomains"));
        for forbidden in ["http://", "https://", "<script>", " onclick", " style=", "<style"] {
            assert!(!page.text.contains(forbidden), "{path} has {forbidden}");
        }
    }
}

#[tokio::test]
async fn unknown_page_is_404() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for path in [
        "/nulle-part",
        "/inscription/",
        "/inscription.html",
        "/index.html",
        "/.git/config",
        "/scripts/",
        "/scripts/..%2f..%2fCargo.toml",
    ] {
        let page = visitor.get(path).await.expect(404, "");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn mangled_link_is_redirected() {
    let portal = &Portal::start();
    let response = portal.visitor().get("/changer-mon-mot-de-passe%23abc_-123").await.expect(302, "");
    assert_eq!(response.header("location"), "/changer-mon-mot-de-passe#abc_-123");
}

#[tokio::test]
async fn pages_show_the_desk_settings() {
    let portal = guichet_tests::Setup::new()
        .with("--set=DeskName=Le guichet des soins")
        .with("--set=DeskPortalUrl=https://bureau.example/accueil")
        .with("--set=BrandColor=#ffd400")
        .with("--set=SiteLogo=/images/logo.svg")
        .start();
    for path in pages() {
        let page = portal.visitor().get(&path).await.expect(200, "").text;
        assert_eq!(page.matches(">Le guichet des soins</span>").count(), 2, "{path}: above and below");
        assert!(page.contains("<a href=\"tel:5145550123\">514 555-0123</a>"), "{path}");
    }
    let style = portal.visitor().get("/settings.css").await.expect(200, "");
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.text.contains("--logo: url(\"/images/logo.svg\")"), "{}", style.text);
    // White text has too little contrast on this yellow; the dark theme needs no change.
    let (light, dark) = style.text.split_once("@media").expect("both");
    assert!(light.contains("--brand: rgb(") && !light.contains("rgb(255 212 0)"), "{light}");
    assert!(dark.contains("--link: rgb(255 212 0)"), "{dark}");
    let settings = portal.visitor().get("/settings.json").await.expect(200, "").json();
    assert_eq!(settings["deskName"], "Le guichet des soins");
    assert_eq!(settings["deskPortalUrl"], "https://bureau.example/accueil");
    assert_eq!(settings["deskPhone"], "514 555-0123");
}
