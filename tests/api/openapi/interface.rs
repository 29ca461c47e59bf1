//! The API description, and the responses that were observed.

use guichet_tests::{ApiResponse, Visitor, workspace};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// A well-formed token or session id that does not exist.
pub(super) const UNKNOWN_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) fn yaml(path: &str) -> serde_norway::Value {
    let mut yaml: serde_norway::Value =
        serde_norway::from_str(&std::fs::read_to_string(workspace().join(path)).expect("a file")).expect("YAML");
    yaml.apply_merge().expect("what can be merged");
    yaml
}

/// An operation, a status, and an error code (`""` for none).
pub(super) type Described = (String, u16, String);

pub(super) struct Interface {
    pub(super) document: Value,
    pub(super) observed: Mutex<BTreeSet<Described>>,
}

pub(super) struct Operation<'a> {
    pub(super) id: &'a str,
    pub(super) method: String,
    pub(super) path: &'a str,
    pub(super) described: &'a Value,
}

impl Interface {
    pub(super) fn new() -> Self {
        Self { document: serde_json::to_value(yaml("infra/openapi.yaml")).expect("JSON"), observed: Mutex::default() }
    }

    pub(super) fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        let paths = self.document["paths"].as_object().expect("a mapping");
        paths.iter().flat_map(|(path, methods)| {
            methods.as_object().expect("a mapping").iter().map(move |(method, described)| {
                let id = described["operationId"].as_str().expect("a text");
                Operation { id, method: method.to_uppercase(), path, described }
            })
        })
    }

    pub(super) fn operation(&self, id: &str) -> Operation<'_> {
        self.operations().find(|operation| operation.id == id).unwrap_or_else(|| panic!("no operation {id}"))
    }

    pub(super) fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        let pointer = node["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        pointer.map_or(node, |pointer| self.document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")))
    }

    /// The validation errors of a value under a schema of this document.
    pub(super) fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = json!({ "allOf": [schema], "components": self.document["components"] });
        let validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("a schema");
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// The examples of an operation's request body.
    pub(super) fn examples(&self, operation: &Operation<'_>) -> Vec<Value> {
        let body = self.resolved(&operation.described["requestBody"]);
        let examples = body["content"]["application/json"]["examples"].as_object();
        examples.map_or(vec![Value::Null], |examples| examples.values().map(|it| it["value"].clone()).collect())
    }

    /// The media types of a response.
    pub(super) fn media<'a>(&'a self, answer: &'a Value) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.resolved(answer)["content"].as_object().into_iter().flatten()
    }

    /// All described responses.
    pub(super) fn described(&self) -> BTreeSet<Described> {
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

    /// Checks a response against its description.
    pub(super) fn check(&self, id: &str, answer: &ApiResponse) {
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

    /// Sends a request, checks the response against its description, and asserts the expected status and code.
    pub(super) async fn send(
        &self,
        visitor: &Visitor,
        id: &str,
        sent: &Sent<'_>,
        expected: (u16, &str),
    ) -> ApiResponse {
        let operation = self.operation(id);
        let path = operation.path.replace("{id}", sent.session);
        let mut headers = sent.headers.to_vec();
        if operation.accepts_body() && !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        let answer = visitor.send(&operation.method, &path, &headers, sent.body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), expected, "{id}: {answer:?}");
        self.check(id, &answer);
        self.observed.lock().expect("what was observed").insert((id.to_owned(), expected.0, expected.1.to_owned()));
        answer
    }

    /// The same with only a JSON body.
    pub(super) async fn post(&self, visitor: &Visitor, id: &str, body: Value, expected: (u16, &str)) -> ApiResponse {
        self.send(visitor, id, &Sent::json(&body), expected).await
    }
}

impl Operation<'_> {
    pub(super) fn accepts_body(&self) -> bool {
        self.described.get("requestBody").is_some()
    }

    /// Whether it requires a session, and whether it accepts one.
    pub(super) fn session(&self) -> (bool, bool) {
        let ways = self.described["security"].as_array();
        (ways.is_some_and(|ways| !ways.contains(&json!({}))), ways.is_some())
    }

    pub(super) fn success(&self) -> u16 {
        let statuses = self.described["responses"].as_object().expect("a mapping").keys();
        statuses.filter_map(|status| status.parse().ok()).find(|status| *status < 300).expect("a success")
    }
}

/// The rest of a request besides method and path.
#[derive(Default)]
pub(super) struct Sent<'a> {
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: String,
    pub(super) session: &'a str,
}

impl Sent<'_> {
    /// The body; null for none.
    pub(super) fn json(body: &Value) -> Self {
        Self {
            body: if body.is_null() { String::new() } else { body.to_string() },
            session: UNKNOWN_TOKEN,
            ..Self::default()
        }
    }
}
