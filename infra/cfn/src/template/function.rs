//! Functions, and the events that invoke them.

use super::definition::{EventRule, EventSourceMapping, Function, HttpRoute, Schedule, StackDefinition};
use super::intrinsics::Scope;
use crate::TemplateError;
use crate::iam::policy;
use crate::scalar::scalar;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

pub const TYPE: &str = "AWS::Serverless::Function";

/// The last folder of a `CodeUri`.
pub fn name(code_uri: &str) -> &str {
    code_uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// Adds a function and its events.
pub fn collect(
    id: &str,
    globals: &Value,
    own: &Value,
    scope: &Scope,
    stack: &mut StackDefinition,
) -> Result<(), TemplateError> {
    let at = format!("Resources.{id}.Properties");
    let properties = merge_globals(globals, own);
    let text = |name: &str| scope.text(&properties[name], &format!("{at}.{name}"));
    let number = |name: &str| {
        text(name)?.parse::<u64>().map_err(|_| TemplateError::at(&format!("{at}.{name}"), "must be a whole number"))
    };
    let name = name(&text("CodeUri")?).to_owned();
    let mut variables = BTreeMap::new();
    for (variable, value) in properties["Environment"]["Variables"].as_object().into_iter().flatten() {
        variables.insert(variable.clone(), scope.text(value, &format!("{at}.Environment.Variables.{variable}"))?);
    }
    let timeout = Duration::from_secs(number("Timeout")?);
    if properties.get("Role").is_some() {
        return Err(TemplateError::at(&format!("{at}.Role"), "is not supported: SAM ignores Policies beside it"));
    }
    for (event, declaration) in properties["Events"].as_object().into_iter().flatten() {
        let at = format!("{at}.Events.{event}");
        match declaration["Type"].as_str().unwrap_or_default() {
            "HttpApi" => {
                stack.routes.push(route(&name, &scope.evaluate(&declaration["Properties"], &at)?, &at)?);
            }
            "DynamoDB" => {
                let properties = scope.evaluate(&declaration["Properties"], &at)?;
                stack.event_source_mappings.push(event_source_mapping(&name, &properties, &at)?);
            }
            "Schedule" => {
                let interval = rate(&scope.text(&declaration["Properties"]["Schedule"], &at)?, &at)?;
                stack.schedules.push(Schedule { function: name.clone(), rule: format!("{id}{event}"), interval });
            }
            "EventBridgeRule" => {
                let pattern = scope.evaluate(&declaration["Properties"]["Pattern"], &at)?;
                stack.event_rules.push(EventRule { function: name.clone(), pattern });
            }
            other => stack.add_unread(other, format!("{id}.{event}")),
        }
    }
    let policies = scope.evaluate(&properties["Policies"], &format!("{at}.Policies"))?;
    stack.functions.push(Function {
        logical_id: id.to_owned(),
        timeout,
        memory: number("MemorySize")?,
        log_format: scalar(&properties["LoggingConfig"]["LogFormat"]).unwrap_or_else(|| "Text".into()),
        variables,
        policy: policy::parse(&policies, &format!("{at}.Policies"))?,
        name,
    });
    Ok(())
}

/// SAM merges maps, concatenates lists, and replaces anything else with the function's own value.
fn merge_globals(globals: &Value, own: &Value) -> Value {
    match (globals, own) {
        (globals, Value::Null) => globals.clone(),
        (Value::Object(globals), Value::Object(own)) if !is_intrinsic(globals) && !is_intrinsic(own) => {
            let mut all = globals.clone();
            for (key, value) in own {
                all.insert(key.clone(), merge_globals(&globals.get(key).cloned().unwrap_or_default(), value));
            }
            Value::Object(all)
        }
        (Value::Array(globals), Value::Array(own)) => globals.iter().chain(own).cloned().collect(),
        (_, own) => own.clone(),
    }
}

fn is_intrinsic(map: &Map<String, Value>) -> bool {
    map.keys().any(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn route(function: &str, properties: &Value, at: &str) -> Result<HttpRoute, TemplateError> {
    let (Some(method), Some(path)) = (properties["Method"].as_str(), properties["Path"].as_str()) else {
        return Err(TemplateError::at(at, "Method and Path are required"));
    };
    let method = method.to_uppercase();
    if method == "ANY" || path.contains("+}") {
        return Err(TemplateError::at(at, "only explicit routes are supported"));
    }
    // Ignoring it would leave the route open.
    if properties.get("Auth").is_some() {
        return Err(TemplateError::at(at, "a route's Auth is not supported"));
    }
    Ok(HttpRoute { method, path: path.to_owned(), function: function.to_owned() })
}

fn event_source_mapping(function: &str, properties: &Value, at: &str) -> Result<EventSourceMapping, TemplateError> {
    let arn = properties["Stream"].as_str().unwrap_or_default();
    let table =
        arn.split('/').nth(1).ok_or_else(|| TemplateError::at(at, "Stream must be the StreamArn of a table"))?;
    // DestinationConfig, the dead-letter queue, is accepted and ignored.
    let supported = [
        "BatchSize",
        "DestinationConfig",
        "FilterCriteria",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "StartingPosition",
        "Stream",
    ];
    let mut names = properties.as_object().into_iter().flatten().map(|(name, _)| name);
    if let Some(other) = names.find(|name| !supported.contains(&name.as_str())) {
        return Err(TemplateError::at(at, format!("{other} is not supported")));
    }
    if properties["StartingPosition"] != "LATEST" {
        return Err(TemplateError::at(at, "only StartingPosition LATEST is supported"));
    }
    Ok(EventSourceMapping {
        function: function.to_owned(),
        table: table.to_owned(),
        // Lambda's default.
        batch_size: properties["BatchSize"].as_u64().map_or(100, |size| usize::try_from(size).unwrap_or(usize::MAX)),
        max_retries: properties["MaximumRetryAttempts"].as_u64(),
        max_record_age: properties["MaximumRecordAgeInSeconds"].as_u64().map(Duration::from_secs),
        event_names: event_names(&properties["FilterCriteria"]["Filters"], at)?,
    })
}

/// Only filters of the form `{"eventName": ["INSERT", …]}` are supported.
fn event_names(filters: &Value, at: &str) -> Result<Option<Vec<String>>, TemplateError> {
    let Some(filters) = filters.as_array() else { return Ok(None) };
    let mut names = Vec::new();
    for filter in filters {
        let pattern: Option<BTreeMap<String, Vec<String>>> =
            filter["Pattern"].as_str().and_then(|text| serde_json::from_str(text).ok());
        match pattern.map(|mut pattern| (pattern.remove("eventName"), pattern.is_empty())) {
            Some((Some(found), true)) => names.extend(found),
            _ => return Err(TemplateError::at(at, r#"only the filter pattern {"eventName": […]} is supported"#)),
        }
    }
    Ok(Some(names))
}

fn rate(text: &str, at: &str) -> Result<Duration, TemplateError> {
    let inside = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let minutes = match inside.and_then(|inside| inside.split_once(' ')) {
        Some((number, "minute" | "minutes")) => number.parse::<u64>().ok(),
        _ => None,
    };
    match minutes {
        Some(minutes) if minutes > 0 => Ok(Duration::from_secs(60 * minutes)),
        _ => Err(TemplateError::at(at, format!("{text} is not supported; rate(N minutes) is"))),
    }
}
