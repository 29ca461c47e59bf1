//! `infra/openapi.yaml` says what the functions do: no route more or less, and each answer that it describes is one that
//! somebody gets, as it is described.

use futures_util::future::join_all;
use guichet_tests::{Answer, Person, Portal, Setup, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;

fn yaml(path: &str) -> serde_norway::Value {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut yaml: serde_norway::Value =
        serde_norway::from_str(&std::fs::read_to_string(root.join(path)).expect("a file")).expect("YAML");
    yaml.apply_merge().expect("what can be merged");
    yaml
}

/// An operation, a status, and the code of a refusal (else `""`).
type Described = (String, u16, String);

/// The described interface, and what of it was met.
struct Interface {
    document: Value,
    met: Mutex<BTreeSet<Described>>,
}

/// One operation of it.
struct Operation<'a> {
    id: &'a str,
    method: String,
    path: &'a str,
    described: &'a Value,
}

impl Interface {
    fn new() -> Self {
        Self { document: serde_json::to_value(yaml("infra/openapi.yaml")).expect("JSON"), met: Mutex::default() }
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let paths = self.document["paths"].as_object().expect("a mapping");
        paths.iter().flat_map(|(path, methods)| {
            methods.as_object().expect("a mapping").iter().map(move |(method, described)| {
                let id = described["operationId"].as_str().expect("a text");
                Operation { id, method: method.to_uppercase(), path, described }
            })
        })
    }

    fn operation(&self, id: &str) -> Operation<'_> {
        self.operations().find(|operation| operation.id == id).unwrap_or_else(|| panic!("no operation {id}"))
    }

    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        let pointer = node["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        pointer.map_or(node, |pointer| self.document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")))
    }

    /// What is wrong with a value under a schema of this document.
    fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let whole = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(&whole).expect("a schema");
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// The examples of what an operation takes; of one that takes nothing, nothing.
    fn examples(&self, operation: &Operation<'_>) -> Vec<Value> {
        let body = self.resolved(&operation.described["requestBody"]);
        let examples = body["content"]["application/json"]["examples"].as_object();
        examples.map_or(vec![Value::Null], |examples| examples.values().map(|it| it["value"].clone()).collect())
    }

    /// The media of an answer with their descriptions.
    fn media<'a>(&'a self, answer: &'a Value) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.resolved(answer)["content"].as_object().into_iter().flatten()
    }

    /// All that is described.
    fn described(&self) -> BTreeSet<Described> {
        let mut all = BTreeSet::new();
        for operation in self.operations() {
            for (status, answer) in operation.described["responses"].as_object().expect("a mapping") {
                let codes = self
                    .media(answer)
                    .filter_map(|(_, media)| media["schema"]["properties"]["code"]["enum"].as_array());
                let codes: Vec<_> = codes.flatten().map(|code| code.as_str().expect("a text")).collect();
                for code in if codes.is_empty() { vec![""] } else { codes } {
                    all.insert((operation.id.to_owned(), status.parse().expect("a status"), code.to_owned()));
                }
            }
        }
        all
    }

    /// Holds an answer to its description.
    fn hold(&self, id: &str, answer: &Answer) {
        let operation = self.operation(id);
        let status = answer.status.as_u16();
        let described = operation.described["responses"].get(status.to_string());
        let described = self.resolved(described.unwrap_or_else(|| panic!("{id}: not described: {answer:?}")));
        if described["content"].is_null() {
            assert_eq!((answer.text.as_str(), answer.header("content-type")), ("", ""), "{id} {status}");
        } else {
            let content_type = answer.header("content-type").split(';').next().unwrap_or_default();
            let media = &described["content"][content_type];
            assert!(media.is_object(), "{id} {status}: {content_type} is not described");
            let problems = self.problems(&media["schema"], &answer.json());
            assert!(problems.is_empty(), "{id} {status}: {problems:#?} in {}", answer.text);
        }
        for (name, header) in described["headers"].as_object().expect("a mapping") {
            let header = self.resolved(header);
            let Some(text) = answer.headers.get(name).map(|value| value.to_str().expect("ASCII")) else {
                assert_ne!(header["required"], true, "{id} {status}: no {name}");
                continue;
            };
            let value = if header["schema"]["type"] == "integer" {
                json!(text.parse::<u64>().expect("a number"))
            } else {
                json!(text)
            };
            let problems = self.problems(&header["schema"], &value);
            assert!(problems.is_empty(), "{id} {status} {name}: {problems:#?}");
        }
    }

    /// Sends a request of an operation, holds the answer to its description, and both to what is expected.
    async fn send(&self, visitor: &Visitor, id: &str, sent: &Sent<'_>, expected: (u16, &str)) -> Answer {
        let operation = self.operation(id);
        let path = operation.path.replace("{id}", sent.session);
        let mut headers = sent.headers.to_vec();
        if operation.takes_a_body() && !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        let answer = visitor.send(&operation.method, &path, &headers, sent.body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), expected, "{id}: {answer:?}");
        self.hold(id, &answer);
        self.met.lock().expect("what was met").insert((id.to_owned(), expected.0, expected.1.to_owned()));
        answer
    }

    /// The same with just a JSON body.
    async fn post(&self, visitor: &Visitor, id: &str, body: Value, expected: (u16, &str)) -> Answer {
        self.send(visitor, id, &Sent::json(&body), expected).await
    }
}

impl Operation<'_> {
    fn takes_a_body(&self) -> bool {
        self.described.get("requestBody").is_some()
    }

    /// Whether it wants a session, and whether it takes one.
    fn session(&self) -> (bool, bool) {
        let ways = self.described["security"].as_array();
        (ways.is_some_and(|ways| !ways.contains(&json!({}))), ways.is_some())
    }

    fn success(&self) -> u16 {
        let statuses = self.described["responses"].as_object().expect("a mapping").keys();
        statuses.filter_map(|status| status.parse().ok()).find(|status| *status < 300).expect("a success")
    }
}

/// What is sent beside the method and the path.
#[derive(Default)]
struct Sent<'a> {
    headers: &'a [(&'a str, &'a str)],
    body: String,
    session: &'a str,
}

impl Sent<'_> {
    /// A body; null for none.
    fn json(body: &Value) -> Self {
        Self {
            body: if body.is_null() { String::new() } else { body.to_string() },
            session: NOBODYS,
            ..Self::default()
        }
    }
}

/// The password of the examples.
const PASSWORD: &str = "ruisseau-42";
/// A link, or a session, that there is none of.
const NOBODYS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An example with somebody who is there in the place of its fictitious person.
fn alive(example: &Value, person: &Person, token: &str) -> Value {
    let mut example = example.clone();
    for (field, value) in example.as_object_mut().into_iter().flatten() {
        match field.as_str() {
            // As it is typed: with a domain, in capitals.
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

/// Somebody new whose password is that of the examples, and their browser.
async fn somebody(portal: &Portal) -> (Person, Visitor) {
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.become_a_user(portal, &person, PASSWORD).await;
    (person, visitor)
}

/// A further link of theirs.
async fn link(portal: &Portal, person: &Person, visitor: &Visitor) -> String {
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.mail_number(3, person).await.token().to_owned()
}

/// Posts it until the budget or quota is spent; sixty are the most, twice where a stretch of the clock ends meanwhile.
async fn until_refused(interface: &Interface, portal: &Portal, visitor: &Visitor, id: &str, body: &Value) {
    for _ in 0..=120 {
        let path = interface.operation(id).path;
        if visitor.post(path, body.clone()).await.status == 429 {
            interface.post(visitor, id, body.clone(), (429, "too-many-attempts")).await;
            return;
        }
        if interface.operation(id).success() == 202 {
            portal.let_two_minutes_pass().await;
        }
    }
    panic!("{id} is never refused");
}

/// Each example of a request is a request that is taken.
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

/// What every route refuses in the same way.
async fn refusals_of_all(interface: &Interface, portal: &Portal) {
    let visitor = portal.visitor();
    let straight = portal.without_the_edge(&visitor);
    for operation in interface.operations() {
        let id = operation.id;
        if operation.takes_a_body() {
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
        sent.headers = &[("x-edge-secret", "forged")];
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
        (reset(NOBODYS, "nouveau2", "nouveau2"), (404, "link-unknown")),
    ];
    for (body, expected) in answers {
        interface.post(&visitor, "reset", body, expected).await;
    }
    interface.post(&visitor, "check-link", json!({ "token": NOBODYS }), (404, "link-unknown")).await;
    interface.post(&visitor, "check-link", json!({ "token": token }), (200, "")).await;
    portal.let_links_expire(&person.account).await;
    interface.post(&visitor, "check-link", json!({ "token": token }), (410, "link-expired")).await;
    interface.post(&visitor, "reset", reset(&token, "nouveau2", "nouveau2"), (410, "link-expired")).await;

    let (other, visitor) = somebody(portal).await;
    let token = link(portal, &other, &visitor).await;
    interface.post(&visitor, "reset", reset(&token, "nouveau2", "nouveau2"), (204, "")).await;
    // Its answer lost, and asked for again.
    interface.post(&visitor, "reset", reset(&token, "nouveau2", "nouveau2"), (204, "")).await;
    interface.post(&visitor, "check-link", json!({ "token": token }), (410, "link-used")).await;
    interface.post(&visitor, "reset", reset(&token, "nouveau4", "nouveau4"), (410, "link-used")).await;

    let stranger = portal.stranger();
    until_refused(interface, portal, &stranger, "check-link", &json!({ "token": NOBODYS })).await;
    interface.post(&stranger, "reset", reset(NOBODYS, "nouveau2", "nouveau2"), (429, "too-many-attempts")).await;
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
    interface.post(&portal.stranger(), "find-account", search.clone(), (403, "network-not-managed")).await;
    until_refused(interface, portal, &visitor, "find-account", &search).await;
}

async fn nothing_answers(interface: &Interface, portal: &Portal) {
    let (person, visitor) = somebody(portal).await;
    visitor.sign_in(&person.account, PASSWORD).await.expect(200, "");
    portal.fail(&json!([{ "service": "dynamodb", "mode": "500" }]));
    let sent = interface.operations().map(async |operation| {
        let example = alive(&interface.examples(&operation)[0], &person, NOBODYS);
        interface.send(&visitor, operation.id, &Sent::json(&example), (503, "unavailable")).await
    });
    join_all(sent).await;
    portal.mend();
}

#[tokio::test]
async fn every_described_answer_is_given_and_is_as_described() {
    let (interface, portal) = (Interface::new(), Setup::new().start());
    examples_are_taken(&interface, &portal).await;
    refusals_of_all(&interface, &portal).await;
    refusals_of_links(&interface, &portal).await;
    refusals_of_sessions(&interface, &portal).await;
    refusals_at_the_doors(&interface, &portal).await;
    nothing_answers(&interface, &portal).await;
    let (described, met) = (interface.described(), interface.met.into_inner().unwrap());
    assert_eq!(described.difference(&met).collect::<Vec<_>>(), [] as [&Described; 0], "described, and never given");
}

#[test]
fn every_route_is_described_and_no_other() {
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
fn every_example_is_one() {
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
async fn the_local_stack_shows_it_as_a_page() {
    let (interface, visitor) = (Interface::new(), Portal::shared().visitor());
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
    let said = ["violations", "sessions[].last_seen_at", "Clear-Site-Data", "link-expired", "helene.lefebvre-cote"];
    assert!(said.iter().all(|said| page.text.contains(said)), "{}", page.text);
    assert!(!["<script", "src=", "<link", "url("].iter().any(|element| page.text.contains(element)));
}
