//! *Outil de recherche du compte unifié*

use guichet_tests::{Person, Portal};
use serde_json::json;

#[tokio::test]
async fn account_search_by_name_or_email_on_managed_network() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let expected = json!({ "accounts": [{
        "account": person.account,
        "name": format!("{} {}", person.given_name, person.family_name),
    }] });
    let number = person.family_name.trim_start_matches("Nº");
    for (given_name, family_name) in [
        ("Marie-Ève", person.family_name.clone()),
        ("marie eve", format!("nº {number}")),
        ("MARIE ÈVE", format!("NO-{number}")),
    ] {
        let found =
            visitor.post("/api/find-account", json!({ "given_name": given_name, "family_name": family_name })).await;
        assert_eq!(found.expect(200, "").json(), expected, "{given_name} {family_name}");
    }
    let found = visitor.post("/api/find-account", json!({ "email": person.email.to_uppercase() })).await;
    assert_eq!(found.expect(200, "").json(), expected);
}

#[tokio::test]
async fn account_search_returns_active_accounts_only() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    let shared = visitor.post("/api/find-account", json!({ "email": "partage@sante.example" })).await.expect(200, "");
    assert_eq!(shared.json()["accounts"].as_array().unwrap().len(), 2);
    assert!(!shared.text.contains("sante.example"), "{}", shared.text);
    for form in [json!({ "email": "inactif@sante.example" }), json!({ "email": "personne@ailleurs.example" })] {
        let found = visitor.post("/api/find-account", form).await.expect(200, "");
        assert_eq!(found.json(), json!({ "accounts": [] }));
    }
}

#[tokio::test]
async fn account_search_is_refused_on_untrusted_networks() {
    let portal = &Portal::start();
    let form = json!({ "email": "partage@sante.example" }).to_string();
    for claim in ["x-viewer-address", "x-forwarded-for", "forwarded", "x-real-ip"] {
        let headers = [("content-type", "application/json"), (claim, "127.0.0.1")];
        let response = portal.untrusted_visitor().send("POST", "/api/find-account", &headers, form.clone()).await;
        response.expect(403, "network-not-managed");
    }
}

#[tokio::test]
async fn account_search_validates_its_input() {
    let portal = &Portal::start();
    let visitor = portal.visitor();
    for form in [
        json!({}),
        json!({ "family_name": "Roy" }),
        json!({ "family_name": "Roy", "given_name": "" }),
        json!({ "family_name": "-", "given_name": "Luc" }),
        json!({ "family_name": "o".repeat(101), "given_name": "Luc" }),
        json!({ "email": "" }),
        json!({ "email": "pas une adresse" }),
        json!({ "email": "a@b.example", "family_name": "Roy", "given_name": "Luc" }),
        json!({ "email": ["a@b.example"] }),
    ] {
        visitor.post("/api/find-account", form.clone()).await.expect(400, "invalid-request");
    }
}
