//! Every possible AWS call, on items that do not exist.

use guichet_tests::Portal;
use serde_json::{Value, json};

/// An item of each table, and a counter of each kind: its name in `MAY`, its table, and the table's key attributes,
/// partition key first.
pub(super) const ITEMS: [(&str, &str, &[&str]); 13] = [
    ("Directory", "Directory", &["account"]),
    ("Credentials", "Credentials", &["account"]),
    ("MailRequests", "MailRequests", &["account_key", "request"]),
    ("Tokens", "Tokens", &["token_hash"]),
    ("Sessions", "Sessions", &["account", "secret_hash"]),
    ("Devices", "Devices", &["account", "cookie_hash"]),
    ("Events", "Events", &["account_key", "at_id"]),
    ("login#", "Throttles", &["counter"]),
    ("reset#", "Throttles", &["counter"]),
    ("register#", "Throttles", &["counter"]),
    ("request-reset#", "Throttles", &["counter"]),
    ("find-account#", "Throttles", &["counter"]),
    ("mailer#", "Throttles", &["counter"]),
];

/// The stack's AWS endpoint.
pub(crate) struct Aws {
    client: reqwest::Client,
    pub(super) stack: Value,
}

impl Aws {
    pub(crate) fn of(portal: &Portal) -> Self {
        Self { client: reqwest::Client::new(), stack: portal.stack() }
    }

    /// Sends a call with a function's access key. `$Name` in the request is replaced by the physical name of a table or
    /// the ARN of a secret. Returns the status and the error code.
    pub(super) async fn ask(&self, key: &str, target: &str, request: &Value) -> (u16, String) {
        let mut body = request.to_string();
        for kind in ["tables", "secrets"] {
            for (logical, name) in self.stack[kind].as_object().expect("names") {
                body = body.replace(&format!("\"${logical}\""), &name.to_string());
            }
        }
        let path = if target == "SendEmail" { "/v2/email/outbound-emails" } else { "/" };
        let response = self
            .client
            .post(format!("{}{path}", self.stack["aws"].as_str().expect("the address of the AWS services")))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential={key}/20260101/ca-central-1/dynamodb/aws4_request, \
                     SignedHeaders=host, Signature=0"
                ),
            )
            .body(body)
            .send()
            .await
            .expect("AWS responses");
        let status = response.status().as_u16();
        let kind = response.headers().get("x-amzn-errortype").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body: Value = response.json().await.expect("JSON");
        let kind = kind.or_else(|| body["__type"].as_str().map(str::to_owned)).unwrap_or_default();
        (status, kind.rsplit('#').next().unwrap_or_default().to_owned())
    }

    /// Whether a DynamoDB call is allowed. The calls change nothing, because the item does not exist.
    pub(crate) async fn allows(&self, key: &str, operation: &str, request: &Value) -> bool {
        let (status, kind) = self.ask(key, &format!("DynamoDB_20120810.{operation}"), request).await;
        match (status, kind.as_str()) {
            (200, _) | (400, "ConditionalCheckFailedException" | "TransactionCanceledException") => true,
            (400, "AccessDeniedException") => false,
            other => panic!("{key} {operation} {request}: {other:?}"),
        }
    }

    pub(super) async fn mail(&self, key: &str, from: &str, set: &str) -> (u16, String) {
        let content = json!({"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}});
        let mail = json!({"FromEmailAddress": from, "Content": content, "ConfigurationSetName": set,
                          "Destination": {"ToAddresses": ["personne@guichet.example"]}});
        self.ask(key, "SendEmail", &mail).await
    }

    pub(super) fn configuration_set(&self) -> String {
        format!("{}-MailConfiguration", self.stack["stack"].as_str().expect("the stack's name"))
    }
}

/// The table and key of an item that does not exist, and the name of its partition key.
pub(super) fn nobodys(item: &str) -> (String, Value, &'static str) {
    let (name, table, keys) = ITEMS.into_iter().find(|(name, ..)| *name == item).expect("an item");
    let value = if name == table { "personne".to_owned() } else { format!("{name}U#personne") };
    (format!("${table}"), keys.iter().map(|key| ((*key).to_owned(), json!({"S": value}))).collect(), keys[0])
}

/// Every DynamoDB call that reads or writes an item, by its name in `MAY`.
pub(super) fn calls(item: &str) -> Vec<(String, &'static str, Value)> {
    let (name, key, partition_key) = nobodys(item);
    let partition = json!({"#key": partition_key});
    let there = "attribute_exists(#key)";
    let put =
        json!({"TableName": name, "Item": key, "ConditionExpression": there, "ExpressionAttributeNames": partition});
    let update = json!({"TableName": name, "Key": key, "ConditionExpression": there, "ExpressionAttributeNames": partition,
                        "UpdateExpression": "SET version = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}});
    let delete =
        json!({"TableName": name, "Key": key, "ConditionExpression": there, "ExpressionAttributeNames": partition});
    let get = json!({"TableName": name, "Key": key});
    let query = json!({"TableName": name, "KeyConditionExpression": "#key = :v", "ExpressionAttributeNames": partition,
                       "ExpressionAttributeValues": {":v": key[partition_key]}});
    let within = |kind: &str, call: &Value| json!({"TransactItems": [{kind: call}]});
    [
        ("GetItem", "GetItem", get.clone()),
        ("transaction GetItem", "TransactGetItems", within("Get", &get)),
        ("BatchGetItem", "BatchGetItem", json!({"RequestItems": {&name: {"Keys": [key]}}})),
        ("Query", "Query", query),
        ("Scan", "Scan", json!({"TableName": name})),
        ("PutItem", "PutItem", put.clone()),
        ("transaction PutItem", "TransactWriteItems", within("Put", &put)),
        ("UpdateItem", "UpdateItem", update.clone()),
        ("transaction UpdateItem", "TransactWriteItems", within("Update", &update)),
        ("DeleteItem", "DeleteItem", delete.clone()),
        ("transaction DeleteItem", "TransactWriteItems", within("Delete", &delete)),
        ("transaction ConditionCheckItem", "TransactWriteItems", within("ConditionCheck", &delete)),
        ("BatchWriteItem", "BatchWriteItem", json!({"RequestItems": {&name: [{"DeleteRequest": {"Key": key}}]}})),
    ]
    .map(|(what, operation, call)| (format!("{what} {item}"), operation, call))
    .into()
}
