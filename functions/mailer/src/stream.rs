//! The DynamoDB stream of new mail requests.

use guichet_domain::mail_request::RequestId;
use serde_json::Value;

/// The requests that a stream event inserts; `None` if the event is not from a stream.
pub(crate) fn inserted_requests(event: &Value) -> Option<Vec<RequestId>> {
    let id = |record: &Value| RequestId::from_stream_keys(&record["dynamodb"]["Keys"]);
    let records = event.get("Records")?.as_array()?;
    Some(records.iter().filter(|record| record["eventName"] == "INSERT").filter_map(id).collect())
}

#[cfg(test)]
mod tests {
    use super::inserted_requests;
    use serde_json::json;

    #[test]
    fn stream_event_yields_inserted_requests_only() {
        let keys = json!({ "account_key": { "S": "k" }, "request": { "S": "register#U#1" } });
        let event = json!({ "Records": [
            { "eventName": "INSERT", "dynamodb": { "Keys": keys } },
            { "eventName": "MODIFY", "dynamodb": { "Keys": keys } },
            { "eventName": "REMOVE", "dynamodb": { "Keys": keys } },
            { "eventName": "INSERT", "dynamodb": { "Keys": { "account_key": { "N": "1" } } } },
            { "eventName": "INSERT" },
            7,
        ] });
        let found = inserted_requests(&event).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].request, "register#U#1");
        assert!(inserted_requests(&json!({ "source": "aws.events" })).is_none());
    }
}
