//! Parameter values: the override or else the default, validated as `CloudFormation` does.

use crate::TemplateError;
use crate::scalar::scalar;
use regex_lite::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// Parameter values, by name, that replace the template's defaults.
pub type ParameterOverrides = BTreeMap<String, String>;

pub fn resolve_parameters(
    template: &Value,
    overrides: &ParameterOverrides,
) -> Result<BTreeMap<String, Value>, TemplateError> {
    let declared = template["Parameters"].as_object().cloned().unwrap_or_default();
    if let Some(unknown) = overrides.keys().find(|name| !declared.contains_key(*name)) {
        let names: Vec<&str> = declared.keys().map(String::as_str).collect();
        return Err(TemplateError::UnknownParameter { name: unknown.clone(), declared: names.join(", ") });
    }
    let resolve = |(name, declaration): (&String, &Value)| {
        let text = overrides.get(name).cloned().or_else(|| scalar(&declaration["Default"]));
        let text = text.ok_or_else(|| TemplateError::MissingParameter(name.clone()))?;
        Ok((name.clone(), validate(name, &text, declaration)?))
    };
    declared.iter().map(resolve).collect()
}

fn validate(name: &str, text: &str, declaration: &Value) -> Result<Value, TemplateError> {
    let refuse = |reason: String| {
        let hint = declaration["ConstraintDescription"].as_str().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Err(TemplateError::InvalidParameter {
            name: name.to_owned(),
            value: text.to_owned(),
            reason: format!("{reason}{hint}"),
        })
    };
    if let Some(allowed) = declaration["AllowedValues"].as_array() {
        let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
        if !allowed.iter().any(|value| value == text) {
            return refuse(format!("it must be {}", allowed.join(" or ")));
        }
    }
    if let Some(pattern) = declaration["AllowedPattern"].as_str() {
        let regex = Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|error| TemplateError::at(&format!("Parameters.{name}.AllowedPattern"), error.to_string()))?;
        if !regex.is_match(text) {
            return refuse(format!("it must match {pattern}"));
        }
    }
    let length = text.chars().count();
    for (bound, order) in [
        ("MinLength", length.cmp(&length_bound(declaration, "MinLength", 0))),
        ("MaxLength", length_bound(declaration, "MaxLength", usize::MAX).cmp(&length)),
    ] {
        if order.is_lt() {
            return refuse(format!("its {bound} is {}", declaration[bound]));
        }
    }
    match declaration["Type"].as_str() {
        Some("String") => Ok(Value::from(text)),
        Some("CommaDelimitedList") => Ok(text.split(',').map(str::trim).collect()),
        Some("Number") => {
            let Ok(number) = text.parse::<f64>() else { return refuse("it must be a number".into()) };
            if declaration["MinValue"].as_f64().is_some_and(|min| number < min) {
                return refuse(format!("its MinValue is {}", declaration["MinValue"]));
            }
            if declaration["MaxValue"].as_f64().is_some_and(|max| number > max) {
                return refuse(format!("its MaxValue is {}", declaration["MaxValue"]));
            }
            Ok(Value::from(text))
        }
        other => {
            let at = format!("Parameters.{name}.Type");
            Err(TemplateError::at(&at, format!("{} is not supported", other.unwrap_or("(none)"))))
        }
    }
}

fn length_bound(declaration: &Value, name: &str, default: usize) -> usize {
    declaration[name].as_u64().and_then(|bound| usize::try_from(bound).ok()).unwrap_or(default)
}
