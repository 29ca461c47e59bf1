//! Lambda's event source mapping for DynamoDB Streams: reads a table's stream and calls the function with what is new.

mod shards;

use crate::aws::{Engine, EngineError, Faults, Mode};
use crate::invoke::Invoker;
use crate::machine;
use anyhow::Context;
use guichet_cfn::template::EventSourceMapping;
use serde_json::{Value, json};
use shards::Shards;
use std::sync::Arc;
use std::time::Duration;

/// Before the next look at a stream that had nothing new. Lambda itself looks four times a second.
const PAUSE: Duration = Duration::from_millis(100);
/// After a failed call, or while the engine does not answer.
const LONGER_PAUSE: Duration = Duration::from_secs(1);

/// A stream that is listened to.
pub struct Bell {
    invoker: Invoker,
    stream: EventSourceMapping,
    shards: Shards,
    faults: Arc<Faults>,
    /// What came while the first place was looked for.
    early: Vec<Vec<Value>>,
}

impl Bell {
    /// Listens to the stream: when this returns, nothing that is written from now on is missed.
    pub async fn listen(
        engine: Engine,
        invoker: Invoker,
        stream: EventSourceMapping,
        faults: Arc<Faults>,
    ) -> anyhow::Result<Self> {
        let mut shards = Shards::new(engine, &stream);
        let early = shards.read_on().await.with_context(|| format!("the stream of {} cannot be read", stream.table))?;
        Ok(Self { invoker, stream, shards, faults, early })
    }

    /// Calls the function with what is new, for ever.
    pub async fn ring(mut self) {
        let (mut silent, mut passed_by) = (false, Vec::new());
        let mut heard = Ok(std::mem::take(&mut self.early));
        loop {
            match heard {
                Ok(news) => {
                    silent = false;
                    if news.is_empty() {
                        tokio::time::sleep(PAUSE).await;
                    }
                    for batch in news.into_iter().flat_map(|records| batches(&self.stream, records)) {
                        self.bring(batch, &mut passed_by).await;
                    }
                }
                Err(error) => {
                    if !silent {
                        eprintln!("the stream of {} cannot be read: {error}", self.stream.table);
                    }
                    silent = true;
                    tokio::time::sleep(LONGER_PAUSE).await;
                }
            }
            heard = match self.faults.hit("streams", "GetRecords", b"") {
                Some(_) => Err(EngineError::played_by_a_fault()),
                None => self.shards.read_on().await,
            };
        }
    }

    /// Brings a batch to the function, as whoever asked for faults wants it; `passed_by` comes after what follows it.
    async fn bring(&self, records: Vec<Value>, passed_by: &mut Vec<Vec<Value>>) {
        let deliver = |records: Vec<Value>| {
            let (invoker, stream, arn) = (self.invoker.clone(), self.stream.clone(), self.shards.arn().to_owned());
            async move { deliver(&invoker, &stream, &arn, records).await }
        };
        let about = Value::from(records.clone()).to_string();
        match self.faults.hit("bell", &self.stream.function, about.as_bytes()) {
            Some(Mode::Drop) => {}
            Some(Mode::Duplicate(more)) => {
                futures_util::future::join_all((0..=more).map(|_| deliver(records.clone()))).await;
            }
            Some(Mode::Delay(milliseconds)) => {
                let late = deliver(records);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                    late.await;
                });
            }
            Some(Mode::Reorder) => passed_by.push(records),
            _ => {
                deliver(records).await;
                while let Some(mut records) = passed_by.pop() {
                    records.reverse();
                    deliver(records).await;
                }
            }
        }
    }
}

/// Calls the function with one batch, again where it fails, as often and as long as the mapping says.
async fn deliver(invoker: &Invoker, stream: &EventSourceMapping, arn: &str, mut records: Vec<Value>) {
    let mut failures = 0;
    loop {
        let now = machine::now().as_second();
        records.retain(|record| is_young(stream, record, now));
        if records.is_empty() {
            return;
        }
        let event = json!({"Records": records.iter().map(|record| with_source(record, arn)).collect::<Vec<_>>()});
        let Err(problem) = invoker.invoke(&stream.function, event).await else { return };
        eprintln!("{}: {problem}", stream.function);
        failures += 1;
        if stream.max_retries.is_some_and(|retries| failures > retries) {
            return;
        }
        tokio::time::sleep(LONGER_PAUSE).await;
    }
}

/// What of a shard's records passes the filter, in batches: what the filter leaves out takes up no room in them.
fn batches(stream: &EventSourceMapping, mut records: Vec<Value>) -> Vec<Vec<Value>> {
    let named = |record: &Value, names: &Vec<String>| names.iter().any(|name| record["eventName"] == **name);
    records.retain(|record| stream.event_names.as_ref().is_none_or(|names| named(record, names)));
    records.chunks(stream.batch_size).map(<[Value]>::to_vec).collect()
}

fn is_young(stream: &EventSourceMapping, record: &Value, now: i64) -> bool {
    let created = &record["dynamodb"]["ApproximateCreationDateTime"];
    let young = |limit: Duration| created.as_f64().is_none_or(|created| created + limit.as_secs_f64() > seconds(now));
    stream.max_record_age.is_none_or(young)
}

/// Seconds since 1970, which a double holds exactly.
fn seconds(now: i64) -> f64 {
    Duration::from_secs(now.unsigned_abs()).as_secs_f64()
}

/// Lambda adds the stream's name to each record.
fn with_source(record: &Value, arn: &str) -> Value {
    let mut record = record.clone();
    record["eventSourceARN"] = arn.into();
    record
}

#[cfg(test)]
mod tests {
    use super::{batches, is_young, with_source};
    use guichet_cfn::template::EventSourceMapping;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn old_records_and_other_kinds_do_not_count() {
        let stream = EventSourceMapping {
            function: "mailer".into(),
            table: "requests".into(),
            batch_size: 10,
            max_retries: Some(1),
            max_record_age: Some(Duration::from_mins(1)),
            event_names: Some(vec!["INSERT".into()]),
        };
        let record = |name: &str, at: i64| json!({"eventName": name, "dynamodb": {"ApproximateCreationDateTime": at}});
        let records = (0..36).map(|n| record(if n % 3 == 0 { "INSERT" } else { "MODIFY" }, 1000));
        let sizes: Vec<_> = batches(&stream, records.collect()).iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 2], "full of what passes the filter, and of nothing else");
        assert!(is_young(&stream, &record("INSERT", 1000), 1059) && !is_young(&stream, &record("INSERT", 1000), 1060));
        assert_eq!(with_source(&record("INSERT", 1), "arn:s")["eventSourceARN"], "arn:s");
    }
}
