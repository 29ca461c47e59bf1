//! A DynamoDB engine in this process, asked with the wire's own JSON.

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The status and the body that DynamoDB answers an operation with.
#[must_use]
pub fn dynamodb(database: &Database, operation: &str, body: &[u8]) -> (u16, String) {
    match operation {
        "GetItem" => run(body, |asked| database.get_item(asked)),
        "PutItem" => run(body, |asked| database.put_item(asked)),
        "UpdateItem" => run(body, |asked| database.update_item(asked)),
        "DeleteItem" => run(body, |asked| database.delete_item(asked)),
        "Query" => run(body, |asked| database.query(asked)),
        "Scan" => run(body, |asked| database.scan(asked)),
        "BatchGetItem" => run(body, |asked| database.batch_get_item(asked)),
        "BatchWriteItem" => run(body, |asked| database.batch_write_item(asked)),
        "TransactWriteItems" => run(body, |asked| database.transact_write_items(asked)),
        other => panic!("nobody plays DynamoDB's {other}"),
    }
}

fn run<Asked: DeserializeOwned, Answer: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Asked) -> Result<Answer, DynoxideError>,
) -> (u16, String) {
    match operation(serde_json::from_slice(body).expect("a call")) {
        Ok(answer) => (200, serde_json::to_string(&answer).expect("JSON")),
        Err(error) => (error.status_code(), error.to_json()),
    }
}
