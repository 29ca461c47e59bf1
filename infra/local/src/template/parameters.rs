//! The template's parameters: set by the person, else local, else the default; each checked as `CloudFormation` would.

use super::Choices;
use crate::failure::{Failure, OrFail};
use regex_lite::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// The value of every parameter: a string, or a list of strings for `CommaDelimitedList`.
pub fn resolve(template: &Value, choices: &Choices<'_>) -> Result<BTreeMap<String, Value>, Failure> {
    let described = template["Parameters"].as_object().cloned().unwrap_or_default();
    if let Some(unknown) = choices.set.keys().find(|name| !described.contains_key(*name)) {
        let names: Vec<&str> = described.keys().map(String::as_str).collect();
        return Err(Failure::new(format!(
            "--set {unknown}: the template has no such parameter. It has {}.",
            names.join(", ")
        )));
    }
    let local = &template["Metadata"]["Guichet"]["LocalParameters"];
    let mut values = BTreeMap::new();
    for (name, description) in &described {
        let text = choices
            .set
            .get(name)
            .cloned()
            .or_else(|| plain(&local[name]).map(|text| text.replace("{port}", &choices.port.to_string())))
            .or_else(|| plain(&description["Default"]))
            .ok_or_else(|| Failure::new(format!("parameter {name} has no value; give one with --set {name}=…")))?;
        values.insert(name.clone(), checked(name, &text, description)?);
    }
    Ok(values)
}

/// A scalar of the template as the text that `CloudFormation` makes of it.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn checked(name: &str, text: &str, description: &Value) -> Result<Value, Failure> {
    let refuse = |what: String| {
        let hint = description["ConstraintDescription"].as_str().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Err(Failure::new(format!("parameter {name} cannot be {text:?}: {what}{hint}")))
    };
    if let Some(allowed) = description["AllowedValues"].as_array() {
        let allowed: Vec<String> = allowed.iter().filter_map(plain).collect();
        if !allowed.iter().any(|value| value == text) {
            return refuse(format!("it takes {}", allowed.join(" or ")));
        }
    }
    if let Some(pattern) = description["AllowedPattern"].as_str() {
        let regex = Regex::new(&format!("^(?:{pattern})$"))
            .or_fail(|| format!("the AllowedPattern of parameter {name} is not understood"))?;
        if !regex.is_match(text) {
            return refuse(format!("it must match {pattern}"));
        }
    }
    let length = text.chars().count();
    for (bound, wrong) in [
        ("MinLength", length.cmp(&bound_of(description, "MinLength", 0))),
        ("MaxLength", bound_of(description, "MaxLength", usize::MAX).cmp(&length)),
    ] {
        if wrong.is_lt() {
            return refuse(format!("its {bound} is {}", description[bound]));
        }
    }
    match description["Type"].as_str() {
        Some("String") => Ok(Value::from(text)),
        Some("CommaDelimitedList") => Ok(text.split(',').map(str::trim).collect()),
        Some("Number") => {
            let Ok(number) = text.parse::<f64>() else { return refuse("it takes a number".into()) };
            if description["MinValue"].as_f64().is_some_and(|least| number < least) {
                return refuse(format!("the least is {}", description["MinValue"]));
            }
            if description["MaxValue"].as_f64().is_some_and(|most| number > most) {
                return refuse(format!("the most is {}", description["MaxValue"]));
            }
            Ok(Value::from(text))
        }
        other => {
            Err(Failure::new(format!("parameter {name}: the type {} is not understood", other.unwrap_or("(none)"))))
        }
    }
}

fn bound_of(description: &Value, name: &str, otherwise: usize) -> usize {
    description[name].as_u64().and_then(|bound| usize::try_from(bound).ok()).unwrap_or(otherwise)
}
