//! `EventBridge`: calls a function at a rate, the first time at once.

use crate::invoke::Invoker;
use crate::machine;
use crate::portal_template::{ACCOUNT, REGION};
use guichet_cfn::template::Schedule;
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

/// Calls the function, for ever. A call that still runs holds the next one back.
pub async fn run(invoker: Invoker, schedule: Schedule) {
    let mut ticks = tokio::time::interval(schedule.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Err(problem) = invoker.invoke(&schedule.function, event(&schedule.rule)).await {
            eprintln!("{}: {problem}", schedule.function);
        }
    }
}

fn event(rule: &str) -> Value {
    let now = machine::now();
    json!({
        "version": "0",
        // The name of an event only has to differ from its neighbours'.
        "id": machine::random_id().unwrap_or_else(|_| format!("{rule}-{}", now.as_second())),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    })
}
