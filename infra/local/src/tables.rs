//! The template's tables, made in the engine.

use crate::aws::{Engine, EngineError};
use anyhow::{Context, bail};
use guichet_cfn::template::TableDefinition;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Long enough for any engine on one machine to make or drop a table.
const PATIENCE: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the tables that are missing; gives the logical ids of those. With `fresh`, those that are there go first.
pub async fn create(engine: &Engine, tables: &[TableDefinition], fresh: bool) -> anyhow::Result<Vec<String>> {
    let made = futures_util::future::try_join_all(tables.iter().map(|table| create_one(engine, table, fresh))).await?;
    Ok(made.into_iter().flatten().collect())
}

async fn create_one(engine: &Engine, table: &TableDefinition, fresh: bool) -> anyhow::Result<Option<String>> {
    let failed = || format!("the table {}", table.name);
    let name = json!({"TableName": table.name});
    if fresh {
        drop_table(engine, &name).await.with_context(failed)?;
    }
    let made = match engine.call("DynamoDB_20120810.CreateTable", &table.create_table).await {
        Ok(_) => true,
        Err(error) if error.is("ResourceInUseException") => false,
        Err(error) => return Err(error).with_context(failed),
    };
    let there = wait_until_active(engine, &name).await.with_context(failed)?;
    if shape(&there) != shape(&table.create_table) {
        bail!(
            "the table {} is from an earlier template and has other keys or indexes; start with --fresh, which forgets its data",
            table.name
        );
    }
    if let Some(attribute) = &table.time_to_live {
        let now = engine.call("DynamoDB_20120810.DescribeTimeToLive", &name).await.with_context(failed)?;
        // An engine refuses to enable it twice.
        if now["TimeToLiveDescription"]["AttributeName"] != json!(attribute) {
            let wanted = json!({"TableName": table.name,
                "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true}});
            engine.call("DynamoDB_20120810.UpdateTimeToLive", &wanted).await.with_context(failed)?;
        }
    }
    Ok(made.then(|| table.logical_id.clone()))
}

async fn drop_table(engine: &Engine, name: &Value) -> Result<(), EngineError> {
    for _ in 0..PATIENCE {
        match engine.call("DynamoDB_20120810.DeleteTable", name).await {
            Err(error) if error.is("ResourceNotFoundException") => return Ok(()),
            // While it is going, some engines say that it is in use.
            Err(error) if !error.is("ResourceInUseException") => return Err(error),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    Ok(())
}

async fn wait_until_active(engine: &Engine, name: &Value) -> Result<Value, EngineError> {
    let mut table = Value::Null;
    for _ in 0..PATIENCE {
        table = engine.call("DynamoDB_20120810.DescribeTable", name).await?["Table"].take();
        if table["TableStatus"] == "ACTIVE" {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(table)
}

/// What of a table cannot be changed under its data: keys, their types, indexes, the stream's view.
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
    fn the_order_of_keys_and_what_engines_add_do_not_matter() {
        let described = json!({"TableName": "x", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}, {"AttributeName": "b", "AttributeType": "N"}],
            "GlobalSecondaryIndexes": [{"IndexName": "i", "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["c", "d"]}}]});
        let mut there = described.clone();
        there["TableArn"] = json!("arn");
        there["AttributeDefinitions"].as_array_mut().unwrap().reverse();
        there["GlobalSecondaryIndexes"][0]["ItemCount"] = json!(3);
        there["GlobalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"] = json!(["d", "c"]);
        assert_eq!(shape(&there), shape(&described));
        there["AttributeDefinitions"][0]["AttributeType"] = json!("S");
        assert_ne!(shape(&there), shape(&described));
    }
}
