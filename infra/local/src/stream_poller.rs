//! Lambda's event source mapping for DynamoDB Streams: polls a table's stream and invokes a function with new records.

mod shards;

use crate::aws::{Engine, EngineError};
use crate::faults::{FaultMode, Faults};
use crate::host;
use crate::invoker::Invoker;
use anyhow::Context;
use guichet_cfn::template::EventSourceMapping;
use serde_json::{Value, json};
use shards::Shards;
use std::sync::Arc;
use std::time::Duration;

/// Lambda polls four times a second.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// After a failed invocation, and while the engine does not respond.
const RETRY_DELAY: Duration = Duration::from_secs(1);

pub struct StreamPoller {
    invoker: Invoker,
    mapping: EventSourceMapping,
    shards: Shards,
    faults: Arc<Faults>,
    /// Records that were read by `open`.
    first_records: Vec<Vec<Value>>,
}

impl StreamPoller {
    /// When this returns, no later write is missed.
    pub async fn open(
        engine: Engine,
        invoker: Invoker,
        mapping: EventSourceMapping,
        faults: Arc<Faults>,
    ) -> anyhow::Result<Self> {
        let mut shards = Shards::new(engine, &mapping.table);
        let first_records = shards.read().await;
        let first_records = first_records.with_context(|| format!("cannot read the stream of {}", mapping.table))?;
        Ok(Self { invoker, mapping, shards, faults, first_records })
    }

    /// Invokes the function for new records, forever.
    pub async fn poll(mut self) {
        let (mut reported, mut postponed) = (false, Vec::new());
        let mut result = Ok(std::mem::take(&mut self.first_records));
        loop {
            match result {
                Ok(shards) => {
                    reported = false;
                    if shards.is_empty() {
                        tokio::time::sleep(POLL_INTERVAL).await;
                    }
                    for batch in shards.into_iter().flat_map(|records| batches(&self.mapping, records)) {
                        self.deliver_with_faults(batch, &mut postponed).await;
                    }
                }
                Err(error) => {
                    if !reported {
                        console!("cannot read the stream of {}: {error}", self.mapping.table);
                    }
                    reported = true;
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
            result = match self.faults.hit("streams", "GetRecords", b"") {
                Some(_) => Err(EngineError::injected()),
                None => self.shards.read().await,
            };
        }
    }

    /// Delivers a batch unless a fault drops, duplicates, delays, or reorders it. `postponed` has the batches to
    /// deliver after the next.
    async fn deliver_with_faults(&self, records: Vec<Value>, postponed: &mut Vec<Vec<Value>>) {
        let deliver = |records: Vec<Value>| {
            let (invoker, mapping, arn) = (self.invoker.clone(), self.mapping.clone(), self.shards.arn().to_owned());
            async move { deliver(&invoker, &mapping, &arn, records).await }
        };
        let body = Value::from(records.clone()).to_string();
        match self.faults.hit("event-source-mapping", &self.mapping.function, body.as_bytes()) {
            Some(FaultMode::Drop) => {}
            Some(FaultMode::Duplicate(more)) => {
                futures_util::future::join_all((0..=more).map(|_| deliver(records.clone()))).await;
            }
            Some(FaultMode::Delay(milliseconds)) => {
                let late = deliver(records);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                    late.await;
                });
            }
            Some(FaultMode::Reorder) => postponed.push(records),
            _ => {
                deliver(records).await;
                while let Some(mut records) = postponed.pop() {
                    records.reverse();
                    deliver(records).await;
                }
            }
        }
    }
}

/// Invokes the function with a batch, and retries within the mapping's limits.
async fn deliver(invoker: &Invoker, mapping: &EventSourceMapping, arn: &str, mut records: Vec<Value>) {
    let mut failures = 0;
    loop {
        let now = host::now().as_second();
        records.retain(|record| within_max_age(mapping, record, now));
        if records.is_empty() {
            return;
        }
        let event = json!({"Records": records.iter().map(|record| with_source(record, arn)).collect::<Vec<_>>()});
        let Err(error) = invoker.invoke(&mapping.function, event).await else { return };
        console!("{}: {error}", mapping.function);
        failures += 1;
        if mapping.max_retries.is_some_and(|max| failures > max) {
            return;
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Filters a shard's records before it forms batches, so that only records that pass the filter count.
fn batches(mapping: &EventSourceMapping, mut records: Vec<Value>) -> Vec<Vec<Value>> {
    let is_named = |record: &Value, names: &Vec<String>| names.iter().any(|name| record["eventName"] == **name);
    records.retain(|record| mapping.event_names.as_ref().is_none_or(|names| is_named(record, names)));
    records.chunks(mapping.batch_size).map(<[Value]>::to_vec).collect()
}

/// `now` is in seconds since 1970.
fn within_max_age(mapping: &EventSourceMapping, record: &Value, now: i64) -> bool {
    let created = &record["dynamodb"]["ApproximateCreationDateTime"];
    // Exact in a double.
    let now = Duration::from_secs(now.unsigned_abs()).as_secs_f64();
    let is_within = |max: Duration| created.as_f64().is_none_or(|created| created + max.as_secs_f64() > now);
    mapping.max_record_age.is_none_or(is_within)
}

fn with_source(record: &Value, arn: &str) -> Value {
    let mut record = record.clone();
    record["eventSourceARN"] = arn.into();
    record
}

#[cfg(test)]
mod tests {
    use super::{batches, with_source, within_max_age};
    use guichet_cfn::template::EventSourceMapping;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn filtered_records_do_not_fill_batches() {
        let mapping = EventSourceMapping {
            function: "mailer".into(),
            table: "requests".into(),
            batch_size: 10,
            max_retries: Some(1),
            max_record_age: Some(Duration::from_mins(1)),
            event_names: Some(vec!["INSERT".into()]),
        };
        let record = |name: &str, at: i64| json!({"eventName": name, "dynamodb": {"ApproximateCreationDateTime": at}});
        let records = (0..36).map(|n| record(if n % 3 == 0 { "INSERT" } else { "MODIFY" }, 1000));
        let sizes: Vec<_> = batches(&mapping, records.collect()).iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 2], "only records that pass the filter fill a batch");
        assert!(within_max_age(&mapping, &record("INSERT", 1000), 1059));
        assert!(!within_max_age(&mapping, &record("INSERT", 1000), 1060));
        assert_eq!(with_source(&record("INSERT", 1), "arn:s")["eventSourceARN"], "arn:s");
    }
}
