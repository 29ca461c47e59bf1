//! The template, `infra/template.yaml`: the one description of the system, read as it stands.

mod evaluate;
mod function;
mod headers;
mod parameters;
mod policy;
mod resources;
mod secret;
mod table;
mod yaml;

pub use function::{BusRule, Function, HttpRoute, Schedule, Stream};
pub use policy::{Condition, Statement};
pub use resources::System;
pub use secret::Secret;
pub use table::Table;

use crate::failure::Failure;
use evaluate::Scope;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The region that the local stack plays.
pub const REGION: &str = "ca-central-1";
/// The account that the local stack plays.
pub const ACCOUNT: &str = "000000000000";

/// The ARN of what a service of the played account calls `name`.
#[must_use]
pub fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
}

/// What the template leaves open and the start of the stack decides.
pub struct Choices<'a> {
    /// The name of the stack, the first part of every physical name.
    pub stack: &'a str,
    /// The port of the local portal.
    pub port: u16,
    /// Parameters that the person set.
    pub set: &'a BTreeMap<String, String>,
}

/// Reads the template and evaluates what the local stack emulates of it.
pub fn read(file: &Path, choices: &Choices<'_>) -> Result<System, Failure> {
    evaluate(&yaml::read(file)?, choices)
}

fn evaluate(template: &Value, choices: &Choices<'_>) -> Result<System, Failure> {
    let parameters = parameters::resolve(template, choices)?;
    resources::collect(template, &Scope::new(template, choices.stack, parameters))
}

/// The same for a text.
#[cfg(test)]
pub fn evaluated(text: &str, choices: &Choices<'_>) -> Result<System, Failure> {
    evaluate(&yaml::parse(text)?, choices)
}

#[cfg(test)]
mod tests;
