//! What a function may do: its `Policies`, in the words of IAM. Just the elements, operators and keys that the template
//! uses are understood; anything else is refused at start, since it could only be judged by guessing.

use super::evaluate::{Scope, wrong};
use super::parameters::plain;
use crate::failure::Failure;
use serde_json::Value;

/// The condition keys that are understood, and whether a call can carry several values of one.
const KEYS: [(&str, bool); 7] = [
    ("dynamodb:Attributes", true),
    ("dynamodb:EnclosingOperation", false),
    ("dynamodb:LeadingKeys", true),
    ("dynamodb:ReturnValues", false),
    ("dynamodb:Select", false),
    ("ses:FromAddress", false),
    ("ses:Recipients", true),
];

/// A statement of a policy.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Where it stands in the template.
    pub place: String,
    /// Whether it allows or denies.
    pub allows: bool,
    /// Actions, by their full names.
    pub actions: Vec<String>,
    /// ARNs; one may end with `*`.
    pub resources: Vec<String>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// A condition on one key of a call's context.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Such as `ForAllValues:StringLike`.
    pub operator: String,
    /// True where every value of the call matches, also where it has none.
    pub for_all: bool,
    /// True where the call does not have the key.
    pub if_exists: bool,
    /// Whether `*` and `?` in a value stand for others.
    pub like: bool,
    /// The key.
    pub key: &'static str,
    /// The values, one of which must match.
    pub values: Vec<String>,
}

/// Reads a function's `Policies`: policy documents, each with its statements.
pub fn describe(policies: &Value, scope: &Scope, at: &str) -> Result<Vec<Statement>, Failure> {
    let policies = scope.evaluate(policies, at)?;
    let mut statements = Vec::new();
    for (index, policy) in one_or_many(&policies).iter().enumerate() {
        let at = format!("{at}[{index}]");
        known_elements(policy, &["Statement", "Version"], &at)?;
        for (index, statement) in one_or_many(&policy["Statement"]).iter().enumerate() {
            statements.push(read(statement, &format!("{at}.Statement[{index}]"))?);
        }
    }
    Ok(statements)
}

fn read(statement: &Value, at: &str) -> Result<Statement, Failure> {
    known_elements(statement, &["Action", "Condition", "Effect", "Resource", "Sid"], at)?;
    let allows = match statement["Effect"].as_str() {
        Some("Allow") => true,
        Some("Deny") => false,
        _ => return Err(wrong(&format!("{at}.Effect"), "Allow or Deny is wanted")),
    };
    let actions = texts(&statement["Action"], &format!("{at}.Action"))?;
    if let Some(action) = actions.iter().find(|action| action.contains(['*', '?']) || !action.contains(':')) {
        return Err(wrong(&format!("{at}.Action"), &format!("{action:?}: actions are named one by one")));
    }
    let resources = texts(&statement["Resource"], &format!("{at}.Resource"))?;
    if let Some(resource) = resources.iter().find(|resource| !is_narrow(resource)) {
        let what = format!("{resource:?}: an ARN is wanted, and a * at most at the end of what it names");
        return Err(wrong(&format!("{at}.Resource"), &what));
    }
    let mut conditions = Vec::new();
    for (operator, keys) in entries(&statement["Condition"], &format!("{at}.Condition"))? {
        let at = format!("{at}.Condition.{operator}");
        for (key, values) in entries(keys, &at)? {
            conditions.push(condition(operator, key, texts(values, &format!("{at}.{key}"))?, &at)?);
        }
    }
    Ok(Statement { place: at.to_owned(), allows, actions, resources, conditions })
}

/// `arn:partition:service:region:account:NAME`, all of it there but the end of the name.
fn is_narrow(resource: &str) -> bool {
    let named = resource.strip_suffix('*').unwrap_or(resource);
    let parts: Vec<&str> = named.splitn(6, ':').collect();
    parts.len() == 6 && parts.iter().all(|part| !part.is_empty()) && parts[0] == "arn" && !named.contains(['*', '?'])
}

fn condition(operator: &str, key: &str, values: Vec<String>, at: &str) -> Result<Condition, Failure> {
    let (for_all, rest) = operator.strip_prefix("ForAllValues:").map_or((false, operator), |rest| (true, rest));
    let (if_exists, rest) = rest.strip_suffix("IfExists").map_or((false, rest), |rest| (true, rest));
    let like = match rest {
        "StringEquals" => false,
        "StringLike" => true,
        _ => return Err(wrong(at, &format!("the operator {operator} is not understood here"))),
    };
    let Some((key, many)) = KEYS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(key)) else {
        return Err(wrong(at, &format!("the condition key {key} is not understood here")));
    };
    // IAM leaves open what the other combinations mean, or they hold by themselves.
    let fitting = if many { "ForAllValues, and no IfExists" } else { "no ForAllValues" };
    if many != for_all || (for_all && if_exists) {
        return Err(wrong(at, &format!("{key} wants {fitting}")));
    }
    if values.iter().any(|value| value.contains("${")) {
        return Err(wrong(at, "policy variables are not understood here"));
    }
    Ok(Condition { operator: operator.to_owned(), for_all, if_exists, like, key, values })
}

/// A map, or nothing: anything else would be a condition that nobody sees.
fn entries<'a>(value: &'a Value, at: &str) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, Failure> {
    if !value.is_null() && !value.is_object() {
        return Err(wrong(at, "a map is wanted"));
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

fn texts(value: &Value, at: &str) -> Result<Vec<String>, Failure> {
    let texts: Option<Vec<String>> = one_or_many(value).iter().map(plain).collect();
    texts.filter(|texts| !texts.is_empty()).ok_or_else(|| wrong(at, "a text, or a list of texts, is wanted"))
}

fn known_elements(value: &Value, known: &[&str], at: &str) -> Result<(), Failure> {
    let Some(map) = value.as_object() else { return Err(wrong(at, "only policy documents are understood here")) };
    match map.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(wrong(at, &format!("{other} is not understood here"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
