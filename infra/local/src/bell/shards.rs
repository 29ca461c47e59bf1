//! The shards of a stream and how far each has been read.

use crate::aws::{Engine, EngineError};
use guichet_cfn::template::EventSourceMapping;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often new shards are looked for.
const LOOK: Duration = Duration::from_secs(5);

/// A stream, read shard by shard.
pub struct Shards {
    engine: Engine,
    table: String,
    arn: String,
    read: BTreeMap<String, Shard>,
    looked: Option<Instant>,
}

/// How far a shard was read.
#[derive(Default)]
struct Shard {
    /// Where to go on, where the engine gave a place.
    iterator: Option<String>,
    /// The last record's number.
    last: Option<Value>,
    /// Whether its end was reached.
    done: bool,
    /// Whether it was there when the reading began; then only what comes later counts.
    old: bool,
}

impl Shards {
    /// The stream of a table, from now on.
    pub fn new(engine: Engine, stream: &EventSourceMapping) -> Self {
        Self { engine, table: stream.table.clone(), arn: String::new(), read: BTreeMap::new(), looked: None }
    }

    /// The engine's name for the stream.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// What is new, for each shard that has something: as many records as the engine gives at once.
    pub async fn read_on(&mut self) -> Result<Vec<Vec<Value>>, EngineError> {
        if self.looked.is_none_or(|looked| looked.elapsed() > LOOK) {
            self.look().await?;
        }
        let mut news = Vec::new();
        for (id, shard) in self.read.iter_mut().filter(|(_, shard)| !shard.done) {
            let iterator = match &shard.iterator {
                Some(iterator) => iterator.clone(),
                None => self
                    .engine
                    .call("DynamoDBStreams_20120810.GetShardIterator", &shard.place(&self.arn, id))
                    .await?["ShardIterator"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            };
            let asked = json!({"ShardIterator": iterator});
            let mut answer = match self.engine.call("DynamoDBStreams_20120810.GetRecords", &asked).await {
                Ok(answer) => answer,
                Err(error) if error.is("ExpiredIteratorException") || error.is("TrimmedDataAccessException") => {
                    shard.iterator = None;
                    // What was trimmed away cannot be read after; the rest of the shard can.
                    if error.is("TrimmedDataAccessException") {
                        (shard.last, shard.old) = (None, false);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            shard.iterator = answer["NextShardIterator"].as_str().map(str::to_owned);
            shard.done = shard.iterator.is_none();
            if let Value::Array(records) = answer["Records"].take()
                && let Some(last) = records.last()
            {
                shard.last = Some(last["dynamodb"]["SequenceNumber"].clone());
                news.push(records);
            }
        }
        Ok(news)
    }

    /// Takes up the shards that are new, and forgets those that are gone.
    async fn look(&mut self) -> Result<(), EngineError> {
        let table = self.engine.call("DynamoDB_20120810.DescribeTable", &json!({"TableName": self.table})).await?;
        let arn = table["Table"]["LatestStreamArn"].as_str().unwrap_or_default().to_owned();
        let mut found = Vec::new();
        let mut asked = json!({"StreamArn": arn});
        loop {
            let answer = self.engine.call("DynamoDBStreams_20120810.DescribeStream", &asked).await?;
            let page = &answer["StreamDescription"];
            let ids = page["Shards"].as_array().into_iter().flatten().filter_map(|shard| shard["ShardId"].as_str());
            found.extend(ids.map(str::to_owned));
            match &page["LastEvaluatedShardId"] {
                Value::String(last) => asked["ExclusiveStartShardId"] = last.as_str().into(),
                _ => break,
            }
        }
        let first_look = self.looked.is_none();
        self.read.retain(|id, _| found.contains(id));
        for id in found {
            self.read.entry(id).or_insert_with(|| Shard { old: first_look, ..Shard::default() });
        }
        self.arn = arn;
        self.looked = Some(Instant::now());
        Ok(())
    }
}

impl Shard {
    /// The place from which a shard is read: after the last record, or only what comes from now on, or all of it where
    /// the shard is new.
    fn place(&self, arn: &str, id: &str) -> Value {
        let kind = match (&self.last, self.old) {
            (Some(_), _) => "AFTER_SEQUENCE_NUMBER",
            (None, true) => "LATEST",
            (None, false) => "TRIM_HORIZON",
        };
        let mut place = json!({"StreamArn": arn, "ShardId": id, "ShardIteratorType": kind});
        if let Some(last) = &self.last {
            place["SequenceNumber"] = last.clone();
        }
        place
    }
}
