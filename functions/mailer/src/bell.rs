//! The stream's bell: a DynamoDB event that carries the keys of new requests.

use guichet_core::store::mail_request::RequestId;
use serde_json::Value;

/// The requests that a stream event names; `None` where the event is not of a stream. A record that is not the
/// insertion of a request rings for nothing.
pub(crate) fn requests(event: &Value) -> Option<Vec<RequestId>> {
    let of_record = |record: &Value| RequestId::of_stream(&record["dynamodb"]["Keys"]);
    let records = event.get("Records")?.as_array()?;
    Some(records.iter().filter(|record| record["eventName"] == "INSERT").filter_map(of_record).collect())
}

#[cfg(test)]
mod tests {
    use super::requests;
    use serde_json::json;

    #[test]
    fn only_insertions_ring() {
        let keys = json!({ "name_key": { "S": "k" }, "request": { "S": "register#U#1" } });
        let event = json!({ "Records": [
            { "eventName": "INSERT", "dynamodb": { "Keys": keys } },
            { "eventName": "MODIFY", "dynamodb": { "Keys": keys } },
            { "eventName": "REMOVE", "dynamodb": { "Keys": keys } },
            { "eventName": "INSERT", "dynamodb": { "Keys": { "name_key": { "N": "1" } } } },
            { "eventName": "INSERT" },
            7,
        ] });
        let found = requests(&event).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].request, "register#U#1");
        assert!(requests(&json!({ "source": "aws.events" })).is_none());
    }
}
