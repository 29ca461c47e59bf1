//! Direct access to the tables, for tests that are about them.

use crate::portal::Portal;
use serde_json::{Value, json};

/// Tables whose items do not expire; `cargo admin forget` deletes them.
const NON_EXPIRING: [&str; 2] = ["Credentials", "Directory"];

impl Portal {
    /// The logical names of the template's tables.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        self.stack()["tables"].as_object().expect("tables").keys().cloned().collect()
    }

    #[must_use]
    pub fn expiring_tables(&self) -> Vec<String> {
        let mut tables = self.tables();
        tables.retain(|table| !NON_EXPIRING.contains(&table.as_str()));
        tables
    }

    /// Calls DynamoDB with the permissions of the desk. `table` is the template's logical name.
    pub async fn dynamodb(&self, operation: &str, table: &str, mut request: Value) -> Value {
        request["TableName"] = self.stack()["tables"][table].clone();
        self.dynamodb_raw(operation, request).await
    }

    async fn dynamodb_raw(&self, operation: &str, request: Value) -> Value {
        let stack = self.stack();
        let response = reqwest::Client::new()
            .post(stack["aws"].as_str().expect("the address of the AWS services"))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=admin/20260101/ca-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            )
            .header("x-amz-date", "20260101T000000Z")
            .body(request.to_string())
            .send()
            .await
            .expect("DynamoDB responses");
        let status = response.status();
        let body: Value = response.json().await.expect("JSON");
        assert!(status.is_success(), "{operation}: {request}: {body}");
        body
    }

    /// All items of a table.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut request = json!({ "ConsistentRead": true });
        loop {
            let page = self.dynamodb("Scan", table, request.clone()).await;
            items.extend(page["Items"].as_array().cloned().unwrap_or_default());
            match page.get("LastEvaluatedKey") {
                Some(key) if !key.is_null() => request["ExclusiveStartKey"] = key.clone(),
                _ => return items,
            }
        }
    }

    /// Creates a table with the items of this one, as a restore does. Returns its name.
    pub async fn copy_table(&self, table: &str) -> String {
        let described = self.dynamodb("DescribeTable", table, json!({})).await["Table"].clone();
        let name = format!("{}-restored", self.stack()["tables"][table].as_str().expect("a table"));
        let create = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": described["KeySchema"], "AttributeDefinitions": described["AttributeDefinitions"],
        });
        self.dynamodb_raw("CreateTable", create).await;
        for item in self.items(table).await {
            self.dynamodb_raw("PutItem", json!({ "TableName": name, "Item": item })).await;
        }
        name
    }

    /// Deletes a table, by its physical name.
    pub async fn drop_table(&self, name: &str) {
        self.dynamodb_raw("DeleteTable", json!({ "TableName": name })).await;
    }

    /// The credentials of an account.
    pub async fn credentials(&self, account: &str) -> Value {
        self.dynamodb(
            "GetItem",
            "Credentials",
            json!({ "Key": { "account": { "S": account } }, "ConsistentRead": true }),
        )
        .await["Item"]
            .clone()
    }

    /// Expires every link of an account.
    pub async fn expire_links(&self, account: &str) {
        for link in self.items("Tokens").await.iter().filter(|link| link["account"]["S"] == account) {
            let update = json!({
                "Key": { "token_hash": link["token_hash"] },
                "UpdateExpression": "SET expires_at = :past",
                "ExpressionAttributeValues": { ":past": { "N": "1000000000" } },
            });
            self.dynamodb("UpdateItem", "Tokens", update).await;
        }
    }

    /// Moves the last use of an account's sessions five minutes back.
    pub async fn idle_sessions(&self, account: &str) {
        for session in self.items("Sessions").await.iter().filter(|session| session["account"]["S"] == account) {
            let update = json!({
                "Key": { "account": session["account"], "secret_hash": session["secret_hash"] },
                "UpdateExpression": "SET last_used_at = last_used_at - :minutes",
                "ExpressionAttributeValues": { ":minutes": { "N": "300" } },
            });
            self.dynamodb("UpdateItem", "Sessions", update).await;
        }
    }

    /// Sets an end of every session of an account to the past: `idle_ends_at` or `ends_at`.
    pub async fn end_sessions(&self, account: &str, end: &str) {
        for session in self.items("Sessions").await.iter().filter(|session| session["account"]["S"] == account) {
            let update = json!({
                "Key": { "account": session["account"], "secret_hash": session["secret_hash"] },
                "UpdateExpression": "SET #end = :past",
                "ExpressionAttributeNames": { "#end": end },
                "ExpressionAttributeValues": { ":past": { "N": "1000000000" } },
            });
            self.dynamodb("UpdateItem", "Sessions", update).await;
        }
    }

    /// Moves all counters past every window, so that only totals remain.
    pub async fn advance_days(&self) {
        self.advance_minutes(31 * 24 * 60).await;
    }

    /// Moves the times in all failure counters back.
    pub async fn advance_minutes(&self, minutes: i64) {
        let earlier = |number: &mut Value| {
            if let Some(text) = number["N"].as_str() {
                *number = json!({ "N": (text.parse::<i64>().expect("a number") - minutes * 60).to_string() });
            }
        };
        for mut counter in self.items("Throttles").await {
            for failure in counter.pointer_mut("/failures/L").and_then(Value::as_array_mut).into_iter().flatten() {
                earlier(failure);
            }
            for (_, failure) in counter.pointer_mut("/failures/M").and_then(Value::as_object_mut).into_iter().flatten()
            {
                failure.pointer_mut("/M/at").into_iter().for_each(earlier);
            }
            for attribute in ["open_until", "hour_started_at", "day_started_at"] {
                if let Some(moment) = counter.get_mut(attribute) {
                    earlier(moment);
                }
            }
            self.dynamodb("PutItem", "Throttles", json!({ "Item": counter })).await;
        }
    }

    /// Deletes all counters and mail requests.
    pub async fn clear_limits(&self) {
        self.delete_counters("").await;
        self.leave_dedup_window().await;
    }

    /// Deletes the counters with this prefix, as if their windows had ended.
    pub async fn delete_counters(&self, prefix: &str) {
        for counter in self.items("Throttles").await {
            if counter["counter"]["S"].as_str().is_some_and(|name| name.starts_with(prefix)) {
                let key = json!({ "Key": { "counter": counter["counter"] } });
                self.dynamodb("DeleteItem", "Throttles", key).await;
            }
        }
    }

    /// Deletes all mail requests, so that the next one is not a duplicate.
    pub async fn leave_dedup_window(&self) {
        for request in self.items("MailRequests").await {
            let key = json!({ "Key": { "account_key": request["account_key"], "request": request["request"] } });
            self.dynamodb("DeleteItem", "MailRequests", key).await;
        }
    }
}
