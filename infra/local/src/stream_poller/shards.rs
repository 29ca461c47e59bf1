//! Reads a stream shard by shard.

use crate::aws::{Engine, EngineError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two listings of the shards.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

pub struct Shards {
    engine: Engine,
    table: String,
    arn: String,
    /// By shard id.
    positions: BTreeMap<String, Position>,
    refreshed: Option<Instant>,
}

/// The position in a shard.
#[derive(Default)]
struct Position {
    iterator: Option<String>,
    last_sequence_number: Option<Value>,
    /// Whether its end was reached.
    closed: bool,
    /// Whether it existed before the first read. Then only later records count.
    preexisting: bool,
}

impl Shards {
    pub fn new(engine: Engine, table: &str) -> Self {
        Self { engine, table: table.to_owned(), arn: String::new(), positions: BTreeMap::new(), refreshed: None }
    }

    /// The engine's ARN of the stream.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// One page of new records of each shard that has any. The first read starts at the present.
    pub async fn read(&mut self) -> Result<Vec<Vec<Value>>, EngineError> {
        if self.refreshed.is_none_or(|refreshed| refreshed.elapsed() > REFRESH_INTERVAL) {
            self.refresh().await?;
        }
        let mut found = Vec::new();
        for (id, shard) in self.positions.iter_mut().filter(|(_, shard)| !shard.closed) {
            let iterator = match &shard.iterator {
                Some(iterator) => iterator.clone(),
                None => self
                    .engine
                    .call("DynamoDBStreams_20120810.GetShardIterator", &shard.iterator_request(&self.arn, id))
                    .await?["ShardIterator"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            };
            let call = json!({"ShardIterator": iterator});
            let mut answer = match self.engine.call("DynamoDBStreams_20120810.GetRecords", &call).await {
                Ok(answer) => answer,
                Err(error) if error.is("ExpiredIteratorException") || error.is("TrimmedDataAccessException") => {
                    shard.iterator = None;
                    // Nothing can be read after a record that was trimmed, but the rest of the shard can.
                    if error.is("TrimmedDataAccessException") {
                        (shard.last_sequence_number, shard.preexisting) = (None, false);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            shard.iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
            shard.closed = shard.iterator.is_none();
            if let Value::Array(records) = answer["Records"].take()
                && let Some(last) = records.last()
            {
                shard.last_sequence_number = Some(last["dynamodb"]["SequenceNumber"].clone());
                found.push(records);
            }
        }
        Ok(found)
    }

    /// Adds new shards, and removes those that expired.
    async fn refresh(&mut self) -> Result<(), EngineError> {
        let table = self.engine.call("DynamoDB_20120810.DescribeTable", &json!({"TableName": self.table})).await?;
        let arn = table["Table"]["LatestStreamArn"].as_str().unwrap_or_default().to_owned();
        let mut ids = Vec::new();
        let mut call = json!({"StreamArn": arn});
        loop {
            let answer = self.engine.call("DynamoDBStreams_20120810.DescribeStream", &call).await?;
            let page = &answer["StreamDescription"];
            let shards = page["Shards"].as_array().into_iter().flatten();
            ids.extend(shards.filter_map(|shard| shard["ShardId"].as_str()).map(str::to_owned));
            match &page["LastEvaluatedShardId"] {
                Value::String(last) => call["ExclusiveStartShardId"] = last.as_str().into(),
                _ => break,
            }
        }
        let preexisting = self.refreshed.is_none();
        self.positions.retain(|id, _| ids.contains(id));
        for id in ids {
            self.positions.entry(id).or_insert_with(|| Position { preexisting, ..Position::default() });
        }
        self.arn = arn;
        self.refreshed = Some(Instant::now());
        Ok(())
    }
}

impl Position {
    /// The body of `GetShardIterator`.
    fn iterator_request(&self, arn: &str, id: &str) -> Value {
        let kind = match (&self.last_sequence_number, self.preexisting) {
            (Some(_), _) => "AFTER_SEQUENCE_NUMBER",
            (None, true) => "LATEST",
            (None, false) => "TRIM_HORIZON",
        };
        let mut request = json!({"StreamArn": arn, "ShardId": id, "ShardIteratorType": kind});
        if let Some(number) = &self.last_sequence_number {
            request["SequenceNumber"] = number.clone();
        }
        request
    }
}
