//! What a DynamoDB call requests. Sources: DynamoDB developer guide, "Using IAM policy conditions for fine-grained
//! access control" and "Using IAM with DynamoDB transactions".

use super::expression;
use super::request::{AccessRequest, RequestContext};
use crate::PseudoParameters;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const EXPRESSIONS: [&str; 5] =
    ["ConditionExpression", "FilterExpression", "KeyConditionExpression", "ProjectionExpression", "UpdateExpression"];
/// Maps by attribute. All except `Item` and `Key` are of the API before expressions.
const MAPS: [&str; 7] = ["AttributeUpdates", "Expected", "Item", "Key", "KeyConditions", "QueryFilter", "ScanFilter"];

/// The partition keys of the tables and their indexes.
#[derive(Debug)]
pub struct TableKeys {
    pseudo: PseudoParameters,
    /// By table and index; the table's own key is under "".
    partition: BTreeMap<String, BTreeMap<String, String>>,
}

impl TableKeys {
    /// `tables` are bodies of `CreateTable`.
    pub fn new<'a>(pseudo: PseudoParameters, tables: impl IntoIterator<Item = &'a Value>) -> Self {
        let partition_key = |schema: &Value| {
            let mut keys = schema.as_array().into_iter().flatten();
            let key = keys.find(|key| key["KeyType"] == "HASH").and_then(|key| key["AttributeName"].as_str());
            key.unwrap_or_default().to_owned()
        };
        let table = |table: &Value| {
            let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"];
            let indexes = indexes.into_iter().filter_map(|kind| table[kind].as_array()).flatten();
            let named = indexes.filter_map(|index| Some((index["IndexName"].as_str()?, &index["KeySchema"])));
            let keys = named.chain([("", &table["KeySchema"])]);
            let keys = keys.map(|(index, schema)| (index.to_owned(), partition_key(schema))).collect();
            (table["TableName"].as_str().unwrap_or_default().to_owned(), keys)
        };
        Self { pseudo, partition: tables.into_iter().map(table).collect() }
    }

    /// Everything that the call requests. The error says why the call is invalid.
    pub fn requests(&self, operation: &str, call: &Value) -> Result<Vec<AccessRequest>, String> {
        let entries = |name: &str| call[name].as_object().into_iter().flatten();
        match operation {
            "GetItem" | "Query" | "Scan" => Ok(vec![self.request(operation, call, reads(call))?]),
            "PutItem" | "UpdateItem" | "DeleteItem" => Ok(vec![self.request(operation, call, writes(call))?]),
            "BatchGetItem" => entries("RequestItems")
                .map(|(table, keys)| self.request(operation, &on_table(table, keys), reads(keys)))
                .collect(),
            "BatchWriteItem" => {
                let requests = entries("RequestItems").flat_map(|(table, requests)| {
                    let requests = requests.as_array().into_iter().flatten().filter_map(Value::as_object);
                    requests.flat_map(serde_json::Map::values).map(move |request| on_table(table, request))
                });
                requests.map(|request| self.request(operation, &request, RequestContext::new())).collect()
            }
            "TransactGetItems" | "TransactWriteItems" => {
                let items = call["TransactItems"].as_array().into_iter().flatten();
                let parts = items.filter_map(Value::as_object).flatten().map(|(kind, part)| {
                    let mut context = if kind == "Get" { reads(part) } else { writes(part) };
                    context.insert("dynamodb:EnclosingOperation", vec![operation.to_owned()]);
                    self.request(&format!("{kind}Item"), part, context)
                });
                parts.collect()
            }
            // Tables, streams, and PartiQL have no finer context.
            _ => {
                let stream = call["StreamArn"].as_str().map(str::to_owned);
                let table = || call["TableName"].as_str().map(|table| self.table_arn(table));
                let resource = stream.or_else(table).unwrap_or_else(|| "*".into());
                Ok(vec![AccessRequest {
                    action: format!("dynamodb:{operation}"),
                    resource,
                    context: RequestContext::new(),
                }])
            }
        }
    }

    /// One action on one table. Adds the keys that all actions have to the context.
    fn request(&self, action: &str, call: &Value, mut context: RequestContext) -> Result<AccessRequest, String> {
        let table = call["TableName"].as_str().ok_or("it has no TableName")?;
        let index = call["IndexName"].as_str();
        context.insert("dynamodb:Attributes", attributes(call).into_iter().collect());
        // A scan has no keys. The keys of another stack's table are unknown, but no policy allows it.
        let name = table.rsplit('/').next().unwrap_or_default();
        if action != "Scan"
            && let Some(partition) = self.partition.get(name).and_then(|keys| keys.get(index.unwrap_or_default()))
        {
            let keys = leading_keys(call, partition).ok_or("it has no value for the partition key")?;
            context.insert("dynamodb:LeadingKeys", keys);
        }
        let arn = self.table_arn(table);
        let resource = index.map_or_else(|| arn.clone(), |index| format!("{arn}/index/{index}"));
        Ok(AccessRequest { action: format!("dynamodb:{action}"), resource, context })
    }

    /// Of a table's name or ARN.
    fn table_arn(&self, table: &str) -> String {
        if table.starts_with("arn:") {
            table.to_owned()
        } else {
            self.pseudo.arn("dynamodb", &format!("table/{table}"))
        }
    }
}

/// An entry of a batch, as a call on its table.
fn on_table(table: &str, request: &Value) -> Value {
    let mut call = request.as_object().cloned().unwrap_or_default();
    call.insert("TableName".into(), table.into());
    Value::Object(call)
}

/// `dynamodb:Select` is what a read returns: its own `Select`, or else what follows from its projection.
fn reads(call: &Value) -> RequestContext {
    let names = call["ProjectionExpression"].as_str().is_some_and(|text| !text.trim().is_empty())
        || call["AttributesToGet"].as_array().is_some_and(|names| !names.is_empty());
    let select = match call["Select"].as_str() {
        Some(select) if select != "SPECIFIC_ATTRIBUTES" => select,
        _ if names => "SPECIFIC_ATTRIBUTES",
        _ if call["IndexName"].is_string() => "ALL_PROJECTED_ATTRIBUTES",
        _ => "ALL_ATTRIBUTES",
    };
    [("dynamodb:Select", vec![select.to_owned()])].into()
}

/// A write has `dynamodb:ReturnValues` only if it sets the parameter. `ReturnValuesOnConditionCheckFailure` counts as
/// well: AWS does not document its key, and it is equivalent to a read.
fn writes(call: &Value) -> RequestContext {
    let parameters = ["ReturnValues", "ReturnValuesOnConditionCheckFailure"].map(|name| call[name].as_str());
    let values: Vec<String> = parameters.into_iter().flatten().map(str::to_owned).collect();
    if values.is_empty() { RequestContext::new() } else { [("dynamodb:ReturnValues", values)].into() }
}

/// All top-level attributes that any parameter of the call names.
fn attributes(call: &Value) -> BTreeSet<String> {
    let names = &call["ExpressionAttributeNames"];
    let expressions = EXPRESSIONS.into_iter().filter_map(|name| call[name].as_str());
    let mut found: BTreeSet<String> = expressions.flat_map(|text| expression::attributes(text, names)).collect();
    let keys = call["Keys"].as_array().into_iter().flatten();
    let maps = MAPS.into_iter().map(|name| &call[name]).chain(keys).filter_map(Value::as_object);
    found.extend(maps.flat_map(|map| map.keys().cloned()));
    let listed = call["AttributesToGet"].as_array().into_iter().flatten();
    found.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    found
}

/// The values of the partition key.
fn leading_keys(call: &Value, partition: &str) -> Option<Vec<String>> {
    let text = |value: &Value| Some(value.as_object()?.values().next()?.as_str()?.to_owned());
    if let Some(keys) = call["Keys"].as_array() {
        return keys.iter().map(|key| text(&key[partition])).collect();
    }
    if let Some(condition) = call["KeyConditionExpression"].as_str() {
        let placeholder = expression::equal_to(condition, &call["ExpressionAttributeNames"], partition)?;
        return Some(vec![text(&call["ExpressionAttributeValues"][placeholder])?]);
    }
    let mut items = [&call["Key"], &call["Item"]].into_iter().filter(|item| item.is_object());
    let legacy = &call["KeyConditions"][partition]["AttributeValueList"][0];
    Some(vec![text(items.next().map_or(legacy, |item| &item[partition]))?])
}

#[cfg(test)]
mod tests;
