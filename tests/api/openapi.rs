//! `infra/openapi.yaml` describes exactly the routes of the template, and every described response occurs as described.

mod interface;

use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup, Visitor};
pub(crate) use interface::yaml;
use interface::{Described, Interface, Sent, UNKNOWN_TOKEN};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The password of the examples.
const PASSWORD: &str = "ruisseau-42";

/// The methods and paths of all routes; `{id}` is a session that does not exist.
pub(crate) fn routes() -> Vec<(String, String)> {
    Interface::new().operations().map(|it| (it.method, it.path.replace("{id}", UNKNOWN_TOKEN))).collect()
}

/// An example with an existing account instead of the fictitious one.
fn alive(example: &Value, person: &Person, token: &str) -> Value {
    let mut example = example.clone();
    for (field, value) in example.as_object_mut().into_iter().flatten() {
        match field.as_str() {
            // As a user may enter it: with a domain, in capitals.
            "account" => {
                let typed = value.as_str().expect("a text").to_owned();
                let domain = typed.split_once('\\').map(|(domain, _)| format!("{domain}\\")).unwrap_or_default();
                let account = if domain.is_empty() { person.account.clone() } else { person.account.to_uppercase() };
                *value = format!("{domain}{account}").into();
            }
            "token" => *value = token.into(),
            "family_name" => *value = person.family_name.clone().into(),
            "given_name" => *value = person.given_name.into(),
            "email" => *value = person.email.clone().into(),
            _ => {}
        }
    }
    example
}

/// A new user with the examples' password, and the client that set it.
async fn somebody(portal: &Portal) -> (Person, Visitor) {
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, PASSWORD).await;
    (person, visitor)
}

/// Another link of the user.
async fn link(portal: &Portal, person: &Person, visitor: &Visitor) -> String {
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(3, person).await.token().to_owned()
}

/// Posts until a limit is reached: at most sixty times, or twice that if a window ends meanwhile.
async fn until_refused(interface: &Interface, portal: &Portal, visitor: &Visitor, id: &str, body: &Value) {
    for _ in 0..=120 {
        let path = interface.operation(id).path;
        if visitor.post(path, body.clone()).await.status == 429 {
            interface.post(visitor, id, body.clone(), (429, "too-many-attempts")).await;
            return;
        }
        if interface.operation(id).success() == 202 {
            portal.leave_dedup_window().await;
        }
    }
    panic!("{id} is never refused");
}

/// Every example of a request is accepted.
async fn examples_are_taken(interface: &Interface, portal: &Portal) {
    let each = interface.operations().flat_map(|operation| {
        let examples = interface.examples(&operation);
        examples.into_iter().map(move |example| (operation.id, example))
    });
    let sent = each.map(async |(id, example)| {
        let operation = interface.operation(id);
        let (person, visitor) = somebody(portal).await;
        let token = if example.get("token").is_some() { link(portal, &person, &visitor).await } else { String::new() };
        let mut sent = Sent::json(&alive(&example, &person, &token));
        let mut other = String::new();
        if operation.session().1 {
            portal.visitor().sign_in(&person.account, PASSWORD).await.expect(200, "");
            visitor.sign_in(&person.account, PASSWORD).await.expect(200, "");
            let sessions = visitor.get("/api/sessions").await.json();
            let sessions = sessions["sessions"].as_array().expect("a list");
            let found = sessions.iter().find(|session| session["current"] == false).expect("the other one");
            other.push_str(found["id"].as_str().expect("a text"));
        }
        sent.session = &other;
        interface.send(&visitor, id, &sent, (operation.success(), "")).await;
    });
    join_all(sent).await;
}

/// Errors common to all routes.
async fn refusals_of_all(interface: &Interface, portal: &Portal) {
    let visitor = portal.visitor();
    let straight = portal.bypassing_edge(&visitor);
    for operation in interface.operations() {
        let id = operation.id;
        if operation.accepts_body() {
            interface.post(&visitor, id, json!({}), (400, "invalid-request")).await;
            let large = Sent { body: "x".repeat(4097), ..Sent::default() };
            interface.send(&visitor, id, &large, (413, "too-large")).await;
            let text = Sent { headers: &[("content-type", "text/plain")], body: "{}".into(), ..Sent::default() };
            interface.send(&visitor, id, &text, (415, "not-json")).await;
        }
        let (wants_a_session, _) = operation.session();
        let mut sent = Sent::json(&interface.examples(&operation)[0]);
        if wants_a_session {
            interface.send(&visitor, id, &sent, (401, "not-signed-in")).await;
        }
        sent.headers = &[("sec-fetch-site", "cross-site")];
        if operation.method != "GET" {
            interface.send(&visitor, id, &sent, (403, "cross-site")).await;
        }
        sent.headers = &[("x-guichet-origin-secret", "forged")];
        interface.send(&straight, id, &sent, (403, "cross-site")).await;
    }
}

async fn refusals_of_links(interface: &Interface, portal: &Portal) {
    let (person, visitor) = somebody(portal).await;
    let token = link(portal, &person, &visitor).await;
    let reset = |token: &str, password: &str, confirmation: &str| json!({ "token": token, "password": password, "confirmation": confirmation });
    let answers = [
        (reset(&token, "oie", "oie"), (422, "password-refused")),
        (reset(&token, "nouveau2", "nouveau3"), (422, "confirmation-differs")),
        (reset(UNKNOWN_TOKEN, "nouveau2", "nouveau2"), (404, "link-unknown")),
    ];
    for (body, expected) in answers {
        interface.post(&visitor, "reset", body, expected).await;
    }
    interface.post(&visitor, "check-link", json!({ "token": UNKNOWN_TOKEN }), (404, "link-unknown")).await;
    interface.post(&visitor, "check-link", json!({ "token": token }), (200, "")).await;
    portal.expire_links(&person.account).await;
    interface.post(&visitor, "check-link", json!({ "token": token }), (410, "link-expired")).await;
    interface.post(&visitor, "reset", reset(&token, "nouveau2", "nouveau2"), (410, "link-expired")).await;

    let (other, visitor) = somebody(portal).await;
    let token = link(portal, &other, &visitor).await;
    interface.post(&visitor, "reset", reset(&token, "nouveau2", "nouveau2"), (204, "")).await;
    // A replay after a lost response.
    interface.post(&visitor, "reset", reset(&token, "nouveau2", "nouveau2"), (204, "")).await;
    interface.post(&visitor, "check-link", json!({ "token": token }), (410, "link-used")).await;
    interface.post(&visitor, "reset", reset(&token, "nouveau4", "nouveau4"), (410, "link-used")).await;

    let stranger = portal.untrusted_visitor();
    until_refused(interface, portal, &stranger, "check-link", &json!({ "token": UNKNOWN_TOKEN })).await;
    interface.post(&stranger, "reset", reset(UNKNOWN_TOKEN, "nouveau2", "nouveau2"), (429, "too-many-attempts")).await;
}

async fn refusals_of_sessions(interface: &Interface, portal: &Portal) {
    let (person, visitor) = somebody(portal).await;
    let login = |password: &str| json!({ "account": person.account, "password": password });
    interface.post(&visitor, "login", login(PASSWORD), (200, "")).await;
    let change = |current: &str, password: &str, confirmation: &str| json!({ "current": current, "password": password, "confirmation": confirmation });
    for (body, expected) in [
        (change("faux9", "nouveau2", "nouveau2"), (401, "invalid-credentials")),
        (change(PASSWORD, "oie", "oie"), (422, "password-refused")),
        (change(PASSWORD, "nouveau2", "nouveau3"), (422, "confirmation-differs")),
    ] {
        interface.post(&visitor, "change-password", body, expected).await;
    }
    interface.send(&visitor, "end-session", &Sent::json(&Value::Null), (404, "session-unknown")).await;
    interface.send(&visitor, "list-events", &Sent::default(), (200, "")).await;
    until_refused(interface, portal, &visitor, "change-password", &change("faux9", "nouveau2", "nouveau2")).await;

    let colleague = portal.visitor();
    interface.post(&colleague, "login", login("faux9"), (401, "invalid-credentials")).await;
    until_refused(interface, portal, &colleague, "login", &login("faux9")).await;
    let sessions = visitor.get("/api/sessions").await.json();
    let own = Sent { session: sessions["sessions"][0]["id"].as_str().expect("a text"), ..Sent::default() };
    interface.send(&visitor, "end-session", &own, (204, "")).await;
}

async fn refusals_at_the_doors(interface: &Interface, portal: &Portal) {
    let visitor = portal.visitor();
    for id in ["register", "request-reset"] {
        until_refused(interface, portal, &visitor, id, &json!({ "account": "personne-ne-porte-ce-nom" })).await;
    }
    let search = json!({ "email": "personne@sante.example" });
    interface.post(&portal.untrusted_visitor(), "find-account", search.clone(), (403, "network-not-managed")).await;
    until_refused(interface, portal, &visitor, "find-account", &search).await;
}

async fn every_dependency_is_down(interface: &Interface, portal: &Portal) {
    let (person, visitor) = somebody(portal).await;
    visitor.sign_in(&person.account, PASSWORD).await.expect(200, "");
    portal.inject_faults(&json!([{ "service": "dynamodb", "mode": "500" }]));
    let sent = interface.operations().map(async |operation| {
        let example = alive(&interface.examples(&operation)[0], &person, UNKNOWN_TOKEN);
        interface.send(&visitor, operation.id, &Sent::json(&example), (503, "unavailable")).await
    });
    join_all(sent).await;
    portal.clear_faults();
}

#[tokio::test]
async fn every_described_answer_conforms() {
    let (interface, portal) = (Interface::new(), Setup::new().start());
    examples_are_taken(&interface, &portal).await;
    refusals_of_all(&interface, &portal).await;
    refusals_of_links(&interface, &portal).await;
    refusals_of_sessions(&interface, &portal).await;
    refusals_at_the_doors(&interface, &portal).await;
    every_dependency_is_down(&interface, &portal).await;
    let (described, observed) = (interface.described(), interface.observed.into_inner().unwrap());
    assert_eq!(
        described.difference(&observed).collect::<Vec<_>>(),
        [] as [&Described; 0],
        "described but never observed"
    );
}

#[test]
fn described_routes_equal_deployed_routes() {
    let template = yaml("infra/template.yaml");
    let text = |value: &serde_norway::Value| value.as_str().unwrap().to_owned();
    let mut routes = BTreeSet::new();
    for (_, resource) in template["Resources"].as_mapping().unwrap() {
        let events = resource["Properties"].get("Events").and_then(serde_norway::Value::as_mapping);
        for event in events.into_iter().flatten().map(|(_, event)| event) {
            if event["Type"] == "HttpApi" {
                routes.insert((text(&event["Properties"]["Method"]), text(&event["Properties"]["Path"])));
            }
        }
    }
    let interface = Interface::new();
    let described: BTreeSet<_> = interface.operations().map(|it| (it.method, it.path.to_owned())).collect();
    assert!(described.len() >= 13, "{described:?}");
    assert_eq!(described, routes);
}

#[test]
fn every_example_conforms() {
    let interface = Interface::new();
    for operation in interface.operations() {
        let body = interface.resolved(&operation.described["requestBody"]);
        let taken = body["content"].as_object().into_iter().flatten();
        let answers = operation.described["responses"].as_object().unwrap();
        let given = answers.values().flat_map(|answer| interface.media(answer));
        for media in taken.chain(given).map(|(_, media)| media) {
            let examples = media["examples"].as_object().unwrap_or_else(|| panic!("{}: no example", operation.id));
            for (name, example) in examples {
                let problems = interface.problems(&media["schema"], &example["value"]);
                assert!(problems.is_empty(), "{} {name}: {problems:#?}", operation.id);
            }
        }
    }
}

#[tokio::test]
async fn local_stack_shows_openapi_page() {
    let portal = Portal::start();
    let (interface, visitor) = (Interface::new(), portal.visitor());
    let page = visitor.get("/_local/api").await.expect(200, "");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let inbox = visitor.get("/_local/inbox").await;
    for name in ["content-security-policy", "cache-control", "referrer-policy", "x-content-type-options"] {
        assert!(!page.header(name).is_empty() && page.header(name) == inbox.header(name), "{name}");
    }
    for operation in interface.operations() {
        assert!(
            page.text.contains(&format!("{} {}</code></h2>", operation.method, operation.path)),
            "{}",
            operation.id
        );
    }
    let expected = ["violations", "sessions[].last_seen_at", "Clear-Site-Data", "link-expired", "helene.lefebvre-cote"];
    assert!(expected.iter().all(|text| page.text.contains(text)), "{}", page.text);
    assert!(!["<script", "src=", "<link", "url("].iter().any(|element| page.text.contains(element)));
}
