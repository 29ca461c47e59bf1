use super::TableKeys;
use crate::PseudoParameters;
use serde_json::{Value, json};

fn keys() -> TableKeys {
    let pseudo =
        PseudoParameters { stack_name: "s".into(), region: "ca-central-1".into(), account_id: "000000000000".into() };
    let people = json!({
        "TableName": "People",
        "KeySchema": [{"AttributeName": "range", "KeyType": "RANGE"}, {"AttributeName": "account", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by_name", "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}]}],
    });
    let counters = json!({"TableName": "Counters", "KeySchema": [{"AttributeName": "counter", "KeyType": "HASH"}]});
    TableKeys::new(pseudo, [&people, &counters])
}

/// Each action with its resource and context, as JSON.
fn requests(operation: &str, call: &Value) -> Value {
    let requests = keys().requests(operation, call).unwrap();
    let json = |request: super::AccessRequest| {
        let resource = request.resource.replace("arn:aws:dynamodb:ca-central-1:000000000000:", "");
        let mut json = json!({"": format!("{} {resource}", request.action.replace("dynamodb:", ""))});
        for (key, values) in request.context {
            json[key.trim_start_matches("dynamodb:")] = json!(values.join(" "));
        }
        json
    };
    requests.into_iter().map(json).collect()
}

#[test]
fn get_item_attributes_come_from_projection() {
    let key = json!({"account": {"S": "tremblma"}, "range": {"N": "1"}});
    assert_eq!(
        requests("GetItem", &json!({"TableName": "People", "Key": key})),
        json!([{"": "GetItem table/People", "Attributes": "account range", "LeadingKeys": "tremblma",
                "Select": "ALL_ATTRIBUTES"}])
    );
    let projected = json!({"TableName": "People", "Key": key, "ProjectionExpression": "#v, given.first",
                           "ExpressionAttributeNames": {"#v": "version"}});
    let expected = json!([{"": "GetItem table/People", "Attributes": "account given range version",
                           "LeadingKeys": "tremblma", "Select": "SPECIFIC_ATTRIBUTES"}]);
    assert_eq!(requests("GetItem", &projected), expected);
    let legacy = json!({"TableName": "People", "Key": key, "AttributesToGet": ["version", "given"]});
    assert_eq!(requests("GetItem", &legacy), expected);
    for all in [
        json!({"ProjectionExpression": null}),
        json!({"ProjectionExpression": " "}),
        json!({"AttributesToGet": []}),
        json!({"Select": "SPECIFIC_ATTRIBUTES"}),
    ] {
        let mut call = json!({"TableName": "People", "Key": key});
        call.as_object_mut().unwrap().extend(all.as_object().unwrap().clone());
        assert_eq!(requests("GetItem", &call)[0]["Select"], "ALL_ATTRIBUTES", "{all}");
    }
    let by_arn = json!({"TableName": "arn:aws:dynamodb:ca-central-1:000000000000:table/People", "Key": key});
    assert_eq!(requests("GetItem", &by_arn)[0][""], "GetItem table/People");
    assert_eq!(requests("GetItem", &by_arn)[0]["LeadingKeys"], "tremblma");
}

#[test]
fn query_resource_is_table_or_index() {
    let query = json!({"TableName": "People", "KeyConditionExpression": "#a = :a AND begins_with(range, :r)",
                       "ExpressionAttributeNames": {"#a": "account"}, "FilterExpression": "active = :yes",
                       "ExpressionAttributeValues": {":a": {"S": "x"}, ":r": {"S": "r"}, ":yes": {"BOOL": true}}});
    assert_eq!(
        requests("Query", &query),
        json!([{"": "Query table/People", "Attributes": "account active range", "LeadingKeys": "x",
                "Select": "ALL_ATTRIBUTES"}])
    );
    let on_index = json!({"TableName": "People", "IndexName": "by_name", "KeyConditionExpression": "name = :n",
                          "ExpressionAttributeValues": {":n": {"S": "roy"}}});
    assert_eq!(
        requests("Query", &on_index),
        json!([{"": "Query table/People/index/by_name", "Attributes": "name", "LeadingKeys": "roy",
                "Select": "ALL_PROJECTED_ATTRIBUTES"}])
    );
    let counted = json!({"TableName": "People", "Select": "COUNT",
                         "KeyConditions": {"account": {"AttributeValueList": [{"S": "x"}], "ComparisonOperator": "EQ"}}});
    assert_eq!(
        requests("Query", &counted),
        json!([{"": "Query table/People", "Attributes": "account", "LeadingKeys": "x", "Select": "COUNT"}])
    );
}

#[test]
fn scan_has_no_leading_keys() {
    assert_eq!(
        requests("Scan", &json!({"TableName": "People", "FilterExpression": "phc = :x"})),
        json!([{"": "Scan table/People", "Attributes": "phc", "Select": "ALL_ATTRIBUTES"}])
    );
}

#[test]
fn write_attributes_include_condition_attributes() {
    let put = json!({"TableName": "Counters", "Item": {"counter": {"S": "login#1"}, "total": {"N": "1"}},
                     "ConditionExpression": "attribute_not_exists(#c)", "ExpressionAttributeNames": {"#c": "closed"}});
    assert_eq!(
        requests("PutItem", &put),
        json!([{"": "PutItem table/Counters", "Attributes": "closed counter total", "LeadingKeys": "login#1"}])
    );
    let update = json!({"TableName": "Counters", "Key": {"counter": {"S": "login#1"}}, "ReturnValues": "ALL_OLD",
                        "UpdateExpression": "SET total = total + :one REMOVE queue"});
    assert_eq!(
        requests("UpdateItem", &update),
        json!([{"": "UpdateItem table/Counters", "Attributes": "counter queue total", "LeadingKeys": "login#1",
                "ReturnValues": "ALL_OLD"}])
    );
    let legacy = json!({"TableName": "Counters", "Key": {"counter": {"S": "x"}}, "Expected": {"total": {}},
                           "AttributeUpdates": {"phc": {}}});
    assert_eq!(requests("UpdateItem", &legacy)[0]["Attributes"], "counter phc total");
    assert_eq!(
        requests(
            "DeleteItem",
            &json!({"TableName": "Counters", "Key": {"counter": {"S": "x"}},
                                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        ),
        json!([{"": "DeleteItem table/Counters", "Attributes": "counter", "LeadingKeys": "x", "ReturnValues": "ALL_OLD"}])
    );
}

#[test]
fn batch_needs_its_action_on_every_table() {
    let read = json!({"RequestItems": {
        "Counters": {"Keys": [{"counter": {"S": "a"}}, {"counter": {"S": "b"}}]},
        "People": {"Keys": [{"account": {"S": "x"}, "range": {"S": "r"}}], "ProjectionExpression": "version"}}});
    assert_eq!(
        requests("BatchGetItem", &read),
        json!([{"": "BatchGetItem table/Counters", "Attributes": "counter", "LeadingKeys": "a b", "Select": "ALL_ATTRIBUTES"},
               {"": "BatchGetItem table/People", "Attributes": "account range version", "LeadingKeys": "x",
                "Select": "SPECIFIC_ATTRIBUTES"}])
    );
    let write = json!({"RequestItems": {"Counters": [{"PutRequest": {"Item": {"counter": {"S": "a"}, "total": {"N": "1"}}}},
                                                     {"DeleteRequest": {"Key": {"counter": {"S": "b"}}}}]}});
    assert_eq!(
        requests("BatchWriteItem", &write),
        json!([{"": "BatchWriteItem table/Counters", "Attributes": "counter total", "LeadingKeys": "a"},
               {"": "BatchWriteItem table/Counters", "Attributes": "counter", "LeadingKeys": "b"}])
    );
}

#[test]
fn transaction_needs_actions_of_its_items() {
    let key = json!({"counter": {"S": "a"}});
    let items = json!({"TransactItems": [
        {"Put": {"TableName": "Counters", "Item": key}},
        {"Update": {"TableName": "Counters", "Key": key, "UpdateExpression": "SET total = :t"}},
        {"Delete": {"TableName": "Counters", "Key": key}},
        {"ConditionCheck": {"TableName": "Counters", "Key": key, "ConditionExpression": "total = :t"}}]});
    let found = requests("TransactWriteItems", &items);
    let actions: Vec<_> = found.as_array().unwrap().iter().map(|one| one[""].as_str().unwrap()).collect();
    let expected =
        ["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"].map(|one| format!("{one} table/Counters"));
    assert_eq!(actions, expected);
    assert_eq!(
        found[3],
        json!({"": expected[3], "Attributes": "counter total", "LeadingKeys": "a",
                               "EnclosingOperation": "TransactWriteItems"})
    );
    let get = json!({"TransactItems": [{"Get": {"TableName": "Counters", "Key": key}}]});
    assert_eq!(
        requests("TransactGetItems", &get),
        json!([{"": "GetItem table/Counters", "Attributes": "counter", "LeadingKeys": "a", "Select": "ALL_ATTRIBUTES",
                "EnclosingOperation": "TransactGetItems"}])
    );
}

#[test]
fn other_actions_are_named() {
    assert_eq!(requests("DeleteTable", &json!({"TableName": "People"})), json!([{"": "DeleteTable table/People"}]));
    assert_eq!(requests("ListTables", &json!({})), json!([{"": "ListTables *"}]));
    assert_eq!(requests("ExecuteStatement", &json!({"Statement": "SELECT"})), json!([{"": "ExecuteStatement *"}]));
    assert_eq!(requests("DescribeStream", &json!({"StreamArn": "arn:x"})), json!([{"": "DescribeStream arn:x"}]));
}

#[test]
fn unreadable_request_is_denied() {
    for (operation, call) in [
        ("GetItem", json!({"Key": {"account": {"S": "x"}}})),
        ("GetItem", json!({"TableName": "People", "Key": {"other": {"S": "x"}}})),
        ("GetItem", json!([])),
        ("BatchGetItem", json!({"RequestItems": {"People": []}})),
        ("BatchWriteItem", json!({"RequestItems": {"People": [{"PutRequest": []}]}})),
        ("Query", json!({"TableName": "People", "KeyConditionExpression": "account > :a"})),
        ("TransactWriteItems", json!({"TransactItems": [{"Update": {}}]})),
    ] {
        assert!(keys().requests(operation, &call).is_err(), "{operation} {call}");
    }
}
