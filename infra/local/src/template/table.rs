//! A table of the template, in the words of DynamoDB's own API.

use super::evaluate::wrong;
use crate::failure::Failure;
use serde_json::{Value, json};

/// A DynamoDB table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in the engine.
    pub name: String,
    /// The body of `CreateTable`.
    pub definition: Value,
    /// The attribute that says when an item may be swept away.
    pub time_to_live: Option<String>,
}

/// Takes what `CreateTable` takes from the properties. Encryption, recovery and deletion protection have no
/// counterpart on one machine.
pub fn describe(id: &str, name: &str, properties: &Value, at: &str) -> Result<Table, Failure> {
    let mut definition = json!({"TableName": name});
    for key in ["AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        if let Some(value) = properties.get(key) {
            definition[key] = value.clone();
        }
    }
    if let Some(view) = properties["StreamSpecification"].get("StreamViewType") {
        definition["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
    }
    let ttl = &properties["TimeToLiveSpecification"];
    let time_to_live = match (ttl["Enabled"].as_bool(), ttl["AttributeName"].as_str()) {
        (Some(true), Some(attribute)) => Some(attribute.to_owned()),
        (None | Some(false), _) => None,
        _ => return Err(wrong(at, "TimeToLiveSpecification names no attribute")),
    };
    Ok(Table { logical_id: id.to_owned(), name: name.to_owned(), definition, time_to_live })
}
