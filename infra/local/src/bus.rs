//! `EventBridge`'s default bus: brings an event to each function that has a rule for it.

use crate::aws::{Faults, Mode};
use crate::invoke::Invoker;
use guichet_cfn::template::EventRule;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Lambda tries an event so often.
const TRIES: u32 = 3;
/// Lambda waits a minute and two.
const PAUSE: Duration = Duration::from_secs(1);

/// Where events are put.
#[derive(Clone)]
pub struct Bus(UnboundedSender<Value>);

/// What takes them from there.
pub struct Riders(UnboundedReceiver<Value>);

/// An empty bus.
#[must_use]
pub fn open() -> (Bus, Riders) {
    let (put, take) = unbounded_channel();
    (Bus(put), Riders(take))
}

impl Bus {
    /// Puts an event on the bus.
    pub fn put(&self, event: Value) {
        // Where nobody listens any more the stack is stopping.
        let _ = self.0.send(event);
    }
}

impl Riders {
    /// Brings each event where it is wanted, for ever.
    pub async fn ride(mut self, rules: Vec<EventRule>, invoker: Invoker, faults: Arc<Faults>) {
        while let Some(event) = self.0.recv().await {
            let kind = event["detail"]["eventType"].as_str().unwrap_or_default();
            let (times, delay) = match faults.hit("events", kind, event.to_string().as_bytes()) {
                Some(Mode::Drop) => (0, 0),
                Some(Mode::Duplicate(more)) => (1 + more, 0),
                Some(Mode::Delay(milliseconds)) => (1, milliseconds),
                _ => (1, 0),
            };
            for rule in rules.iter().filter(|rule| matches(&rule.pattern, &event)) {
                for _ in 0..times {
                    let (invoker, function, event) = (invoker.clone(), rule.function.clone(), event.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(delay)).await;
                        bring(&invoker, &function, event).await;
                    });
                }
            }
        }
    }
}

async fn bring(invoker: &Invoker, function: &str, event: Value) {
    for _ in 0..TRIES {
        let Err(problem) = invoker.invoke(function, event.clone()).await else { return };
        eprintln!("{function}: {problem}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether an event is as a pattern wants it: each list of the pattern holds the event's value, or one of its values.
fn matches(pattern: &Value, event: &Value) -> bool {
    match (pattern, event) {
        (Value::Object(wanted), event) => wanted.iter().all(|(name, wanted)| matches(wanted, &event[name])),
        (Value::Array(wanted), Value::Array(found)) => found.iter().any(|one| wanted.contains(one)),
        (Value::Array(wanted), one) => wanted.contains(one),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use serde_json::json;

    #[test]
    fn a_pattern_wants_each_of_its_fields() {
        let pattern = json!({ "source": ["aws.ses"], "detail": { "mail": { "tags": { "set": ["mine", "ours"] } } } });
        let event =
            |set: &str| json!({ "source": "aws.ses", "x": 1, "detail": { "mail": { "tags": { "set": [set] } } } });
        assert!(matches(&pattern, &event("ours")));
        assert!(!matches(&pattern, &event("theirs")));
        assert!(!matches(&pattern, &json!({ "source": "aws.ses" })));
    }
}
