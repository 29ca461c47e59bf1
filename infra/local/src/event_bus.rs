//! EventBridge's default bus.

use crate::faults::{FaultMode, Faults};
use crate::invoker::Invoker;
use guichet_cfn::template::EventRule;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Lambda invokes a function for an event at most this often.
const MAX_ATTEMPTS: u32 = 3;
/// Lambda waits one minute, then two.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The end where events are published.
#[derive(Clone)]
pub struct EventBus(UnboundedSender<Value>);

/// The end that delivers them.
pub struct Receiver(UnboundedReceiver<Value>);

#[must_use]
pub fn open() -> (EventBus, Receiver) {
    let (sender, receiver) = unbounded_channel();
    (EventBus(sender), Receiver(receiver))
}

impl EventBus {
    pub fn publish(&self, event: Value) {
        // The receiver is gone if the stack is stopping.
        let _ = self.0.send(event);
    }
}

impl Receiver {
    /// Invokes the function of each matching rule, forever.
    pub async fn deliver(mut self, rules: Vec<EventRule>, invoker: Invoker, faults: Arc<Faults>) {
        while let Some(event) = self.0.recv().await {
            let kind = event["detail"]["eventType"].as_str().unwrap_or_default();
            let (times, delay) = match faults.hit("events", kind, event.to_string().as_bytes()) {
                Some(FaultMode::Drop) => (0, 0),
                Some(FaultMode::Duplicate(more)) => (1 + more, 0),
                Some(FaultMode::Delay(milliseconds)) => (1, milliseconds),
                _ => (1, 0),
            };
            for rule in rules.iter().filter(|rule| matches(&rule.pattern, &event)) {
                for _ in 0..times {
                    let (invoker, function, event) = (invoker.clone(), rule.function.clone(), event.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(delay)).await;
                        invoke_with_retries(&invoker, &function, event).await;
                    });
                }
            }
        }
    }
}

async fn invoke_with_retries(invoker: &Invoker, function: &str, event: Value) {
    for _ in 0..MAX_ATTEMPTS {
        let Err(error) = invoker.invoke(function, event.clone()).await else { return };
        console!("{function}: {error}");
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Each list of the pattern must contain the event's value, or one of its values.
fn matches(pattern: &Value, event: &Value) -> bool {
    match (pattern, event) {
        (Value::Object(fields), event) => fields.iter().all(|(name, allowed)| matches(allowed, &event[name])),
        (Value::Array(allowed), Value::Array(values)) => values.iter().any(|value| allowed.contains(value)),
        (Value::Array(allowed), value) => allowed.contains(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use serde_json::json;

    #[test]
    fn event_pattern_requires_every_field() {
        let pattern = json!({ "source": ["aws.ses"], "detail": { "mail": { "tags": { "set": ["mine", "ours"] } } } });
        let event =
            |set: &str| json!({ "source": "aws.ses", "x": 1, "detail": { "mail": { "tags": { "set": [set] } } } });
        assert!(matches(&pattern, &event("ours")));
        assert!(!matches(&pattern, &event("theirs")));
        assert!(!matches(&pattern, &json!({ "source": "aws.ses" })));
    }
}
