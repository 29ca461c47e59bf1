//! Creates the template's tables in the engine.

use crate::aws::{Engine, EngineError};
use anyhow::{Context, bail};
use guichet_cfn::template::TableDefinition;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Enough for any engine on one machine to create or delete a table.
const MAX_POLLS: u32 = 300;
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Creates missing tables, and returns their logical ids. With `fresh`, deletes existing tables first.
pub async fn create(engine: &Engine, tables: &[TableDefinition], fresh: bool) -> anyhow::Result<Vec<String>> {
    let created = tables.iter().map(|table| async move {
        create_one(engine, table, fresh).await.with_context(|| format!("cannot create the table {}", table.name))
    });
    let created = futures_util::future::try_join_all(created).await?;
    Ok(created.into_iter().flatten().collect())
}

async fn create_one(engine: &Engine, table: &TableDefinition, fresh: bool) -> anyhow::Result<Option<String>> {
    let name = json!({"TableName": table.name});
    if fresh {
        delete_table(engine, &name).await?;
    }
    let created = match engine.call("DynamoDB_20120810.CreateTable", &table.create_table).await {
        Ok(_) => true,
        Err(error) if error.is("ResourceInUseException") => false,
        Err(error) => return Err(error.into()),
    };
    let existing = wait_until_active(engine, &name).await?;
    if shape(&existing) != shape(&table.create_table) {
        bail!("it exists with the keys or indexes of another template; start with --fresh, which deletes its data");
    }
    if let Some(attribute) = &table.time_to_live {
        let current = engine.call("DynamoDB_20120810.DescribeTimeToLive", &name).await?;
        // An engine refuses to enable it twice.
        if current["TimeToLiveDescription"]["AttributeName"] != json!(attribute) {
            let call = json!({"TableName": table.name,
                "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true}});
            engine.call("DynamoDB_20120810.UpdateTimeToLive", &call).await?;
        }
    }
    Ok(created.then(|| table.logical_id.clone()))
}

async fn delete_table(engine: &Engine, name: &Value) -> Result<(), EngineError> {
    for _ in 0..MAX_POLLS {
        match engine.call("DynamoDB_20120810.DeleteTable", name).await {
            Err(error) if error.is("ResourceNotFoundException") => return Ok(()),
            // Some engines report this while they delete it.
            Err(error) if !error.is("ResourceInUseException") => return Err(error),
            _ => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
    Ok(())
}

async fn wait_until_active(engine: &Engine, name: &Value) -> Result<Value, EngineError> {
    let mut table = Value::Null;
    for _ in 0..MAX_POLLS {
        table = engine.call("DynamoDB_20120810.DescribeTable", name).await?["Table"].take();
        if table["TableStatus"] == "ACTIVE" {
            break;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(table)
}

/// What cannot change while a table has data: keys, their types, indexes, and the stream's view.
fn shape(table: &Value) -> Value {
    let by = |list: &Value, name: &str, keep: &dyn Fn(&Value) -> Value| {
        let items = list.as_array().into_iter().flatten();
        json!(items.map(|item| (item[name].to_string(), keep(item))).collect::<BTreeMap<_, _>>())
    };
    let keys = |list: &Value| by(list, "AttributeName", &|key| key["KeyType"].clone());
    json!({
        "keys": keys(&table["KeySchema"]),
        "types": by(&table["AttributeDefinitions"], "AttributeName", &|one| one["AttributeType"].clone()),
        "indexes": by(&table["GlobalSecondaryIndexes"], "IndexName", &|index| {
            let projected = by(&json!(index["Projection"]["NonKeyAttributes"].as_array().into_iter().flatten()
                .map(|name| json!({"name": name})).collect::<Vec<_>>()), "name", &|_| Value::Null);
            json!([keys(&index["KeySchema"]), index["Projection"]["ProjectionType"], projected])
        }),
        "stream": table["StreamSpecification"]["StreamViewType"],
    })
}

#[cfg(test)]
mod tests {
    use super::shape;
    use serde_json::json;

    #[test]
    fn table_comparison_ignores_order_and_engine_fields() {
        let described = json!({"TableName": "x", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}, {"AttributeName": "b", "AttributeType": "N"}],
            "GlobalSecondaryIndexes": [{"IndexName": "i", "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["c", "d"]}}]});
        let mut existing = described.clone();
        existing["TableArn"] = json!("arn");
        existing["AttributeDefinitions"].as_array_mut().unwrap().reverse();
        existing["GlobalSecondaryIndexes"][0]["ItemCount"] = json!(3);
        existing["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] = json!(["d", "c"]);
        assert_eq!(shape(&existing), shape(&described));
        existing["AttributeDefinitions"][0]["AttributeType"] = json!("S");
        assert_ne!(shape(&existing), shape(&described));
    }
}
