//! EventBridge schedules.

use crate::host;
use crate::invoker::Invoker;
use crate::portal_template::{ACCOUNT, REGION};
use guichet_cfn::template::Schedule;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

/// Invokes the function at its rate forever, the first time immediately. Invocations do not overlap.
pub async fn run(invoker: Invoker, schedule: Schedule) {
    let mut ticks = tokio::time::interval(schedule.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Err(error) = invoker.invoke(&schedule.function, event(&schedule.rule)).await {
            console!("{}: {error}", schedule.function);
        }
    }
}

fn event(rule: &str) -> Value {
    let now = host::now();
    json!({
        "version": "0",
        // Must only differ from those of its neighbors.
        "id": host::random_id().unwrap_or_else(|_| format!("{rule}-{}", now.as_second())),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    })
}
