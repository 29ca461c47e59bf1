//! Calls an in-process DynamoDB engine with the JSON of DynamoDB's HTTP API.

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The status and body of DynamoDB's response.
#[must_use]
pub fn dynamodb(database: &Database, operation: &str, body: &[u8]) -> (u16, String) {
    match operation {
        "GetItem" => run(body, |request| database.get_item(request)),
        "PutItem" => run(body, |request| database.put_item(request)),
        "UpdateItem" => run(body, |request| database.update_item(request)),
        "DeleteItem" => run(body, |request| database.delete_item(request)),
        "Query" => run(body, |request| database.query(request)),
        "Scan" => run(body, |request| database.scan(request)),
        "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| database.batch_write_item(request)),
        "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
        other => panic!("DynamoDB operation {other} is not supported"),
    }
}

fn run<Request: DeserializeOwned, Output: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Request) -> Result<Output, DynoxideError>,
) -> (u16, String) {
    match operation(serde_json::from_slice(body).expect("a call")) {
        Ok(output) => (200, serde_json::to_string(&output).expect("JSON")),
        Err(error) => (error.status_code(), error.to_json()),
    }
}
