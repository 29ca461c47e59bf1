//! What a call of DynamoDB asks for, in IAM's words. Source: DynamoDB's developer guide, "Using IAM policy conditions for
//! fine-grained access control" and "Using IAM with DynamoDB transactions".

use super::expression;
use super::{Asked, Context};
use crate::template::{Table, arn};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Parameters that are expressions, and those of the API before them that are maps by attribute.
const EXPRESSIONS: [&str; 5] =
    ["ConditionExpression", "FilterExpression", "KeyConditionExpression", "ProjectionExpression", "UpdateExpression"];
const MAPS: [&str; 7] = ["AttributeUpdates", "Expected", "Item", "Key", "KeyConditions", "QueryFilter", "ScanFilter"];

/// The partition keys of the tables and their indexes, by the table's name and then the index's, "" for the table itself.
pub struct PartitionKeys(BTreeMap<String, BTreeMap<String, String>>);

impl PartitionKeys {
    /// As the template describes the tables.
    pub fn of(tables: &[Table]) -> Self {
        let partition = |schema: &Value| {
            let mut keys = schema.as_array().into_iter().flatten();
            let key = keys.find(|key| key["KeyType"] == "HASH").and_then(|key| key["AttributeName"].as_str());
            key.unwrap_or_default().to_owned()
        };
        let of_one = |table: &Table| {
            let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"];
            let indexes = indexes.into_iter().filter_map(|kind| table.definition[kind].as_array()).flatten();
            let named = indexes.filter_map(|index| Some((index["IndexName"].as_str()?, &index["KeySchema"])));
            let all = named.chain([("", &table.definition["KeySchema"])]);
            all.map(|(index, schema)| (index.to_owned(), partition(schema))).collect()
        };
        Self(tables.iter().map(|table| (table.name.clone(), of_one(table))).collect())
    }

    /// All that the call asks for: each must be allowed. An error says why the call cannot be understood.
    pub fn asked(&self, operation: &str, call: &Value) -> Result<Vec<Asked>, String> {
        let entries = |name: &str| call[name].as_object().into_iter().flatten();
        match operation {
            "GetItem" | "Query" | "Scan" => Ok(vec![self.one(operation, call, reads(call))?]),
            "PutItem" | "UpdateItem" | "DeleteItem" => Ok(vec![self.one(operation, call, writes(call))?]),
            "BatchGetItem" => entries("RequestItems")
                .map(|(table, keys)| self.one(operation, &on(table, keys), reads(keys)))
                .collect(),
            "BatchWriteItem" => {
                let requests = entries("RequestItems").flat_map(|(table, requests)| {
                    let requests = requests.as_array().into_iter().flatten().filter_map(Value::as_object);
                    requests.flat_map(serde_json::Map::values).map(move |request| on(table, request))
                });
                requests.map(|request| self.one(operation, &request, Context::new())).collect()
            }
            "TransactGetItems" | "TransactWriteItems" => {
                let items = call["TransactItems"].as_array().into_iter().flatten();
                let parts = items.filter_map(Value::as_object).flatten().map(|(kind, part)| {
                    let mut context = if kind == "Get" { reads(part) } else { writes(part) };
                    context.insert("dynamodb:EnclosingOperation", vec![operation.to_owned()]);
                    self.one(&format!("{kind}Item"), part, context)
                });
                parts.collect()
            }
            // Tables, streams, PartiQL and what else there is: no finer than its name.
            _ => {
                let stream = call["StreamArn"].as_str().map(str::to_owned);
                let resource =
                    stream.or_else(|| call["TableName"].as_str().map(table_arn)).unwrap_or_else(|| "*".into());
                Ok(vec![Asked { action: format!("dynamodb:{operation}"), resource, context: Context::new() }])
            }
        }
    }

    /// One action on one table, with what all actions have in their context.
    fn one(&self, action: &str, call: &Value, mut context: Context) -> Result<Asked, String> {
        let table = call["TableName"].as_str().ok_or("it names no table")?;
        let index = call["IndexName"].as_str();
        context.insert("dynamodb:Attributes", attributes(call).into_iter().collect());
        // A scan has no keys; nor has a table that is not the stack's, which no policy names.
        let name = table.rsplit('/').next().unwrap_or_default();
        if action != "Scan"
            && let Some(partition) = self.0.get(name).and_then(|keys| keys.get(index.unwrap_or_default()))
        {
            context.insert("dynamodb:LeadingKeys", leading(call, partition).ok_or("its partition key cannot be told")?);
        }
        let resource = index.map_or_else(|| table_arn(table), |index| format!("{}/index/{index}", table_arn(table)));
        Ok(Asked { action: format!("dynamodb:{action}"), resource, context })
    }
}

/// A table is named, or given by its ARN.
fn table_arn(table: &str) -> String {
    if table.starts_with("arn:") { table.to_owned() } else { arn("dynamodb", &format!("table/{table}")) }
}

/// What stands under a table's name in a batch, as a call on that table.
fn on(table: &str, request: &Value) -> Value {
    let mut call = request.as_object().cloned().unwrap_or_default();
    call.insert("TableName".into(), table.into());
    Value::Object(call)
}

/// `Select` says what a read gives back: what it names, else all there is. A read may also say it itself.
fn reads(call: &Value) -> Context {
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

/// A write says what it gives back only where it is asked to give something back. What a failed condition gives back
/// counts alike: AWS does not document under which key it goes, and it is as good as a read.
fn writes(call: &Value) -> Context {
    let asked = ["ReturnValues", "ReturnValuesOnConditionCheckFailure"].map(|name| call[name].as_str());
    let values: Vec<String> = asked.into_iter().flatten().map(str::to_owned).collect();
    if values.is_empty() { Context::new() } else { [("dynamodb:ReturnValues", values)].into() }
}

/// All top-level attributes that a call names, wherever.
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

/// The values of the partition key that a call is about.
fn leading(call: &Value, partition: &str) -> Option<Vec<String>> {
    let plain = |value: &Value| Some(value.as_object()?.values().next()?.as_str()?.to_owned());
    if let Some(keys) = call["Keys"].as_array() {
        return keys.iter().map(|key| plain(&key[partition])).collect();
    }
    if let Some(condition) = call["KeyConditionExpression"].as_str() {
        let placeholder = expression::wanted(condition, &call["ExpressionAttributeNames"], partition)?;
        return Some(vec![plain(&call["ExpressionAttributeValues"][placeholder])?]);
    }
    let mut items = [&call["Key"], &call["Item"]].into_iter().filter(|item| item.is_object());
    let of_old = &call["KeyConditions"][partition]["AttributeValueList"][0];
    Some(vec![plain(items.next().map_or(of_old, |item| &item[partition]))?])
}

#[cfg(test)]
mod tests;
