//! `/_local/api`: `infra/openapi.yaml` as a page.

use anyhow::Context;
use guichet_deploy::html::escape;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The API of Guichet</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color: #1d1d1f; background: #f4f5f7 }
section { background: #fff; border: 1px solid #c4c9d1; border-radius: .25rem; padding: 1rem; margin: 1rem 0 }
h2 { margin: 0; font-size: 1.125rem } h3 { margin: 1rem 0 .25rem; font-size: 1rem } p { margin: .25rem 0 }
pre { background: #f4f5f7; padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #c4c9d1 }
td { overflow-wrap: anywhere } details { margin: .25rem 0 } summary { cursor: pointer }
</style>
<h1>The API of Guichet</h1>
"#;

pub fn page(file: &Path) -> anyhow::Result<String> {
    let context = || format!("cannot show {}", file.display());
    let text = std::fs::read_to_string(file).with_context(context)?;
    let mut yaml: serde_norway::Value = serde_norway::from_str(&text).with_context(context)?;
    yaml.apply_merge().with_context(context)?;
    Ok(Document(serde_json::to_value(yaml).with_context(context)?).page())
}

struct Document(Value);

/// A row of a table.
struct Field {
    name: String,
    constraints: String,
    required: bool,
    description: String,
}

impl Document {
    fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        for paragraph in text(&self.0["info"]["description"]).split("\n\n") {
            push(&mut page, "p", paragraph);
        }
        let (mut list, mut sections) = (String::new(), String::new());
        for (path, operations) in entries(&self.0["paths"]) {
            for (method, operation) in entries(operations) {
                let (id, route) =
                    (escape(text(&operation["operationId"])), format!("{} {path}", method.to_uppercase()));
                let (route, summary) = (escape(&route), escape(text(&operation["summary"])));
                // Writing to a String cannot fail.
                let _ = writeln!(list, "<li><a href=\"#{id}\"><code>{route}</code></a> {summary}</li>");
                let _ = writeln!(sections, "<section id=\"{id}\">\n<h2><code>{route}</code></h2>\n<p>{summary}.</p>");
                self.describe(operation, &mut sections);
                sections.push_str("</section>\n");
            }
        }
        let _ = write!(page, "<ul>\n{list}</ul>\n{sections}");
        page
    }

    fn describe(&self, operation: &Value, page: &mut String) {
        push(page, "p", text(&operation["description"]));
        if let Some(ways) = operation["security"].as_array() {
            let names: Vec<_> = ways.iter().map(|way| entries(way).next().map_or("none", |(name, _)| name)).collect();
            push(page, "p", &format!("Session: {}", names.join(" or ")));
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            push(page, "h3", &format!("In the path: {}", text(&parameter["name"])));
            push(page, "p", text(&parameter["description"]));
            self.content(parameter, page);
        }
        for (_, media) in entries(&self.resolved(&operation["requestBody"])["content"]) {
            push(page, "h3", "Request");
            self.content(media, page);
        }
        push(page, "h3", "Responses");
        for (status, response) in entries(&operation["responses"]) {
            let response = self.resolved(response);
            let about = escape(text(&response["description"]));
            let _ = writeln!(page, "<details><summary><strong>{status}</strong> {about}</summary>");
            for (kind, media) in entries(&response["content"]) {
                push(page, "p", kind);
                self.content(media, page);
            }
            let headers: Vec<_> =
                entries(&response["headers"]).map(|(name, header)| self.header(name, header)).collect();
            table(page, "Header", &headers);
            page.push_str("</details>\n");
        }
    }

    /// Writes the fields and examples of a body or parameter.
    fn content(&self, described: &Value, page: &mut String) {
        let schema = self.resolved(&described["schema"]);
        let alternatives = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema]);
        for schema in &alternatives {
            let mut fields = Vec::new();
            self.fields("", schema, true, &mut fields);
            table(page, "Field", &fields);
        }
        for (name, example) in entries(&described["examples"]) {
            let value = serde_json::to_string_pretty(&example["value"]).unwrap_or_default();
            push(page, "p", &format!("For example, {name}:"));
            push(page, "pre", &value);
        }
    }

    /// Collects the fields of a value by path, such as `sessions[].id`.
    fn fields(&self, name: &str, schema: &Value, required: bool, found: &mut Vec<Field>) {
        let schema = self.resolved(schema);
        let constraints = constraints(&schema);
        if !constraints.is_empty() {
            let description = text(&schema["description"]).to_owned();
            found.push(Field { name: name.to_owned(), constraints, required, description });
        }
        for (field, described) in entries(&schema["properties"]) {
            let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == field));
            let name = if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") };
            self.fields(&name, described, required, found);
        }
        if !schema["items"].is_null() {
            self.fields(&format!("{name}[]"), &schema["items"], true, found);
        }
    }

    fn header(&self, name: &str, header: &Value) -> Field {
        let header = self.resolved(header);
        let (constraints, description) = (constraints(&header["schema"]), text(&header["description"]).to_owned());
        Field { name: name.to_owned(), constraints, required: header["required"] == true, description }
    }

    /// Follows a `$ref`; keys beside it override those of its target.
    fn resolved(&self, node: &Value) -> Value {
        let named = node["$ref"].as_str().and_then(|it| self.0.pointer(it.strip_prefix('#')?));
        named.map_or_else(|| node.clone(), |named| overlay(named.clone(), node))
    }
}

fn overlay(mut base: Value, overrides: &Value) -> Value {
    match (&mut base, overrides) {
        (Value::Object(base), Value::Object(overrides)) => {
            for (name, value) in overrides {
                let original = base.remove(name).unwrap_or_default();
                base.insert(name.clone(), overlay(original, value));
            }
        }
        _ => return overrides.clone(),
    }
    base
}

/// The constraints of a schema; empty for an object.
fn constraints(schema: &Value) -> String {
    let json = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let texts = entries(schema).filter_map(|(name, value)| match (name, value) {
        ("type", Value::String(kind)) if kind == "object" => None,
        ("type" | "const", value) => Some(json(value)),
        ("enum", Value::Array(values)) => Some(values.iter().map(json).collect::<Vec<_>>().join(", ")),
        ("format" | "pattern" | "minLength" | "minimum" | "maximum" | "minItems" | "maxItems" | "default", value) => {
            Some(format!("{name} {}", json(value)))
        }
        _ => None,
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn table(page: &mut String, heading: &str, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    let _ = writeln!(page, "<table>\n<tr><th>{heading}</th><th>Value</th><th>About</th></tr>");
    for Field { name, constraints, required, description } in fields {
        let (name, constraints, description) = (escape(name), escape(constraints), escape(description));
        let optional = if *required { "" } else { "Optional. " };
        let _ = writeln!(
            page,
            "<tr><td><code>{name}</code></td><td>{constraints}</td><td>{optional}{description}</td></tr>"
        );
    }
    page.push_str("</table>\n");
}

fn push(page: &mut String, element: &str, content: &str) {
    if !content.is_empty() {
        let _ = writeln!(page, "<{element}>{}</{element}>", escape(content));
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
