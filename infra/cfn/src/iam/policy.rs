//! Statements of IAM policies. Elements, operators, and keys that are not supported are errors, since a decision that
//! ignored them would be a guess.

use crate::TemplateError;
use crate::scalar::scalar;
use serde_json::Value;
use std::fmt;

/// The supported condition keys, and whether a call can have several values of one.
const KEYS: [(&str, bool); 7] = [
    ("dynamodb:Attributes", true),
    ("dynamodb:EnclosingOperation", false),
    ("dynamodb:LeadingKeys", true),
    ("dynamodb:ReturnValues", false),
    ("dynamodb:Select", false),
    ("ses:FromAddress", false),
    ("ses:Recipients", true),
];

#[derive(Clone, Debug)]
pub struct PolicyStatement {
    /// Its path in the template.
    pub place: String,
    /// `false` for a deny.
    pub allows: bool,
    /// Without wildcards.
    pub actions: Vec<String>,
    /// ARNs; one may end with `*`.
    pub resources: Vec<String>,
    /// All must hold.
    pub conditions: Vec<PolicyCondition>,
}

/// A condition on one key of a call's context.
#[derive(Clone, Debug)]
pub struct PolicyCondition {
    /// Such as `ForAllValues:StringLike`.
    pub operator: String,
    /// Holds if every value of the call matches, and if it has none.
    pub for_all: bool,
    /// Holds if the call does not have the key.
    pub if_exists: bool,
    /// Whether `*` and `?` in `values` are wildcards.
    pub like: bool,
    pub key: &'static str,
    /// One of them must match.
    pub values: Vec<String>,
}

/// One action on one resource that a statement names. Displayed as `PLACE ACTION RESOURCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The statement's path in the template.
    pub place: String,
    pub action: String,
    /// May end with `*`.
    pub resource: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.place, self.action, self.resource)
    }
}

impl Grant {
    pub(super) fn covers(&self, action: &str, resource: &str) -> bool {
        let prefix = self.resource.strip_suffix('*');
        let matches = prefix.map_or(resource == self.resource, |prefix| resource.starts_with(prefix));
        matches && self.action.eq_ignore_ascii_case(action)
    }
}

impl PolicyStatement {
    pub(super) fn grants(&self) -> impl Iterator<Item = Grant> {
        let grant = |(action, resource): (&String, &String)| Grant {
            place: self.place.clone(),
            action: action.clone(),
            resource: resource.clone(),
        };
        self.actions.iter().flat_map(|action| self.resources.iter().map(move |resource| (action, resource))).map(grant)
    }
}

/// Parses one policy document, or a list of them, whose intrinsic functions are evaluated.
pub fn parse(policies: &Value, at: &str) -> Result<Vec<PolicyStatement>, TemplateError> {
    let mut statements = Vec::new();
    for (index, policy) in one_or_many(policies).iter().enumerate() {
        let at = format!("{at}[{index}]");
        require_known(policy, &["Statement", "Version"], &at)?;
        for (index, declaration) in one_or_many(&policy["Statement"]).iter().enumerate() {
            statements.push(statement(declaration, &format!("{at}.Statement[{index}]"))?);
        }
    }
    Ok(statements)
}

fn statement(declaration: &Value, at: &str) -> Result<PolicyStatement, TemplateError> {
    require_known(declaration, &["Action", "Condition", "Effect", "Resource", "Sid"], at)?;
    let allows = match declaration["Effect"].as_str() {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(TemplateError::at(&format!("{at}.Effect"), "must be Allow or Deny")),
    };
    let actions = texts(&declaration["Action"], &format!("{at}.Action"))?;
    if let Some(action) = actions.iter().find(|action| action.contains(['*', '?']) || !action.contains(':')) {
        let reason = format!("{action:?}: only actions without wildcards are supported");
        return Err(TemplateError::at(&format!("{at}.Action"), reason));
    }
    let resources = texts(&declaration["Resource"], &format!("{at}.Resource"))?;
    if let Some(resource) = resources.iter().find(|resource| !is_narrow(resource)) {
        let reason = format!("{resource:?} must be an ARN, with a * at most at the end of its last part");
        return Err(TemplateError::at(&format!("{at}.Resource"), reason));
    }
    let mut conditions = Vec::new();
    for (operator, keys) in entries(&declaration["Condition"], &format!("{at}.Condition"))? {
        let at = format!("{at}.Condition.{operator}");
        for (key, values) in entries(keys, &at)? {
            conditions.push(condition(operator, key, texts(values, &format!("{at}.{key}"))?, &at)?);
        }
    }
    Ok(PolicyStatement { place: at.to_owned(), allows, actions, resources, conditions })
}

/// Whether no part of `arn:partition:service:region:account:NAME` is missing or has a wildcard, except the name's end.
fn is_narrow(resource: &str) -> bool {
    let prefix = resource.strip_suffix('*').unwrap_or(resource);
    let parts: Vec<&str> = prefix.splitn(6, ':').collect();
    parts.len() == 6 && parts.iter().all(|part| !part.is_empty()) && parts[0] == "arn" && !prefix.contains(['*', '?'])
}

fn condition(operator: &str, key: &str, values: Vec<String>, at: &str) -> Result<PolicyCondition, TemplateError> {
    let (for_all, rest) = operator.strip_prefix("ForAllValues:").map_or((false, operator), |rest| (true, rest));
    let (if_exists, rest) = rest.strip_suffix("IfExists").map_or((false, rest), |rest| (true, rest));
    let like = match rest {
        "StringEquals" => false,
        "StringLike" => true,
        _ => return Err(TemplateError::at(at, format!("the operator {operator} is not supported"))),
    };
    let Some((key, multivalued)) = KEYS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(key)) else {
        return Err(TemplateError::at(at, format!("the condition key {key} is not supported")));
    };
    // IAM does not define the other combinations, or they always hold.
    if multivalued != for_all || (for_all && if_exists) {
        let valid = if multivalued { "ForAllValues without IfExists" } else { "no ForAllValues" };
        return Err(TemplateError::at(at, format!("{key} needs {valid}")));
    }
    if values.iter().any(|value| value.contains("${")) {
        return Err(TemplateError::at(at, "policy variables are not supported"));
    }
    Ok(PolicyCondition { operator: operator.to_owned(), for_all, if_exists, like, key, values })
}

fn entries<'a>(value: &'a Value, at: &str) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, TemplateError> {
    if !value.is_null() && !value.is_object() {
        return Err(TemplateError::at(at, "must be a map"));
    }
    Ok(value.as_object().into_iter().flatten())
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

fn texts(value: &Value, at: &str) -> Result<Vec<String>, TemplateError> {
    let texts: Option<Vec<String>> = one_or_many(value).iter().map(scalar).collect();
    texts.filter(|texts| !texts.is_empty()).ok_or_else(|| TemplateError::at(at, "must be a text or a list of texts"))
}

fn require_known(value: &Value, known: &[&str], at: &str) -> Result<(), TemplateError> {
    let Some(map) = value.as_object() else { return Err(TemplateError::at(at, "only policy documents are supported")) };
    match map.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(TemplateError::at(at, format!("{other} is not supported"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
