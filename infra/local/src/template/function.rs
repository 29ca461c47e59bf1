//! A function of the template, and the events that call it.

use super::evaluate::{Scope, wrong};
use super::parameters::plain;
use super::policy::{self, Statement};
use super::resources::System;
use crate::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A Lambda function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name in the template; letters and digits, so it serves as the function's access key here.
    pub logical_id: String,
    /// Its folder, package and binary.
    pub name: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Its memory in MB.
    pub memory: u64,
    /// `JSON` or `Text`.
    pub log_format: String,
    /// Its own variables.
    pub variables: BTreeMap<String, String>,
    /// What it may do in AWS.
    pub policy: Vec<Statement>,
}

/// A route of the HTTP API.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    /// The HTTP method, upper case.
    pub method: String,
    /// The path, with `{name}` for a parameter.
    pub path: String,
    /// The function that answers.
    pub function: String,
}

/// A table's stream that calls a function.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The function that is called.
    pub function: String,
    /// The table's physical name.
    pub table: String,
    /// The most records in one call.
    pub batch_size: usize,
    /// How often a failed call is made again; `None` for as long as the records live.
    pub retries: Option<u64>,
    /// The age from which a record is dropped.
    pub maximum_age: Option<Duration>,
    /// The kinds of record that count; `None` for all.
    pub event_names: Option<Vec<String>>,
}

/// A function that the clock calls.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The function that is called.
    pub function: String,
    /// The rule's name, for the event.
    pub rule: String,
    /// The time between two calls.
    pub every: Duration,
}

/// A rule of `EventBridge` that calls a function.
#[derive(Clone, Debug)]
pub struct BusRule {
    /// The function that is called.
    pub function: String,
    /// What an event must be like.
    pub pattern: Value,
}

/// Adds a function, its routes, streams, schedules and rules to the system.
pub fn collect(id: &str, globals: &Value, own: &Value, scope: &Scope, system: &mut System) -> Result<(), Failure> {
    let at = format!("Resources.{id}.Properties");
    let properties = merged(globals, own);
    let text = |name: &str| scope.text(&properties[name], &format!("{at}.{name}"));
    let number =
        |name: &str| text(name)?.parse::<u64>().map_err(|_| wrong(&format!("{at}.{name}"), "a whole number is wanted"));
    let code = text("CodeUri")?;
    let name = code.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let mut variables = BTreeMap::new();
    for (variable, value) in properties["Environment"]["Variables"].as_object().into_iter().flatten() {
        variables.insert(variable.clone(), scope.text(value, &format!("{at}.Environment.Variables.{variable}"))?);
    }
    let timeout = Duration::from_secs(number("Timeout")?);
    if properties.get("Role").is_some() {
        return Err(wrong(&format!("{at}.Role"), "with a role of its own, what stands under Policies would not count"));
    }
    for (event, described) in properties["Events"].as_object().into_iter().flatten() {
        let at = format!("{at}.Events.{event}");
        let kind = described["Type"].as_str().unwrap_or_default();
        match kind {
            "HttpApi" => system.routes.push(route(&name, &scope.evaluate(&described["Properties"], &at)?, &at)?),
            "DynamoDB" => {
                let properties = scope.evaluate(&described["Properties"], &at)?;
                system.streams.push(stream(&name, &properties, &at)?);
            }
            "Schedule" => {
                let every = rate(&scope.text(&described["Properties"]["Schedule"], &at)?, &at)?;
                system.schedules.push(Schedule { function: name.clone(), rule: format!("{id}{event}"), every });
            }
            "EventBridgeRule" => {
                let pattern = scope.evaluate(&described["Properties"]["Pattern"], &at)?;
                system.bus_rules.push(BusRule { function: name.clone(), pattern });
            }
            other => system.name_not_emulated(other, format!("{id}.{event}")),
        }
    }
    system.functions.push(Function {
        logical_id: id.to_owned(),
        timeout,
        memory: number("MemorySize")?,
        log_format: plain(&properties["LoggingConfig"]["LogFormat"]).unwrap_or_else(|| "Text".into()),
        variables,
        policy: policy::describe(&properties["Policies"], scope, &format!("{at}.Policies"))?,
        name,
    });
    Ok(())
}

/// SAM's rule for `Globals`: maps are merged, lists are joined, anything else is replaced by the function's own.
fn merged(globals: &Value, own: &Value) -> Value {
    match (globals, own) {
        (globals, Value::Null) => globals.clone(),
        (Value::Object(globals), Value::Object(own)) if !is_intrinsic(globals) && !is_intrinsic(own) => {
            let mut all = globals.clone();
            for (key, value) in own {
                all.insert(key.clone(), merged(&globals.get(key).cloned().unwrap_or_default(), value));
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

fn route(function: &str, properties: &Value, at: &str) -> Result<HttpRoute, Failure> {
    let (Some(method), Some(path)) = (properties["Method"].as_str(), properties["Path"].as_str()) else {
        return Err(wrong(at, "Method and Path are wanted"));
    };
    let method = method.to_uppercase();
    if method == "ANY" || path.contains("+}") {
        return Err(wrong(at, "only explicit routes are understood here"));
    }
    // Left out, the route would be open here.
    if properties.get("Auth").is_some() {
        return Err(wrong(at, "a route's Auth is not played here"));
    }
    Ok(HttpRoute { method, path: path.to_owned(), function: function.to_owned() })
}

fn stream(function: &str, properties: &Value, at: &str) -> Result<Stream, Failure> {
    let arn = properties["Stream"].as_str().unwrap_or_default();
    let table = arn.split('/').nth(1).ok_or_else(|| wrong(at, "Stream must be the StreamArn of a table"))?;
    // What failed for good is told in the log here; the queue for it is not played.
    let known = [
        "BatchSize",
        "DestinationConfig",
        "FilterCriteria",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "StartingPosition",
        "Stream",
    ];
    if let Some(other) = properties.as_object().into_iter().flatten().find(|(name, _)| !known.contains(&name.as_str()))
    {
        return Err(wrong(at, &format!("{} is not understood here", other.0)));
    }
    if properties["StartingPosition"] != "LATEST" {
        return Err(wrong(at, "only StartingPosition LATEST is understood here"));
    }
    Ok(Stream {
        function: function.to_owned(),
        table: table.to_owned(),
        // The defaults are Lambda's own.
        batch_size: properties["BatchSize"].as_u64().map_or(100, |size| usize::try_from(size).unwrap_or(usize::MAX)),
        retries: properties["MaximumRetryAttempts"].as_u64(),
        maximum_age: properties["MaximumRecordAgeInSeconds"].as_u64().map(Duration::from_secs),
        event_names: event_names(&properties["FilterCriteria"]["Filters"], at)?,
    })
}

/// The one kind of filter that is understood: `{"eventName": ["INSERT", …]}`.
fn event_names(filters: &Value, at: &str) -> Result<Option<Vec<String>>, Failure> {
    let Some(filters) = filters.as_array() else { return Ok(None) };
    let mut names = Vec::new();
    for filter in filters {
        let pattern: Option<BTreeMap<String, Vec<String>>> =
            filter["Pattern"].as_str().and_then(|text| serde_json::from_str(text).ok());
        match pattern.map(|mut pattern| (pattern.remove("eventName"), pattern.is_empty())) {
            Some((Some(found), true)) => names.extend(found),
            _ => return Err(wrong(at, r#"a filter's Pattern must be {"eventName": […]} to be understood here"#)),
        }
    }
    Ok(Some(names))
}

fn rate(text: &str, at: &str) -> Result<Duration, Failure> {
    let inside = text.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let minutes = match inside.and_then(|inside| inside.split_once(' ')) {
        Some((number, "minute" | "minutes")) => number.parse::<u64>().ok(),
        _ => None,
    };
    match minutes {
        Some(minutes) if minutes > 0 => Ok(Duration::from_secs(60 * minutes)),
        _ => Err(wrong(at, &format!("{text} is not understood here; rate(N minutes) is"))),
    }
}
