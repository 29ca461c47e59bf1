//! `EventBridge`: calls a function at a rate, the first time at once.

use crate::invoke::{Invoker, Outcome};
use crate::machine;
use crate::template::{ACCOUNT, REGION, Schedule};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

/// Calls the function, for ever. A call that still runs holds the next one back.
pub async fn run(invoker: Invoker, schedule: Schedule) {
    let mut ticks = tokio::time::interval(schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match invoker.invoke(&schedule.function, event(&schedule.rule)).await {
            Outcome::Answer(_) => {}
            Outcome::Error(error) => eprintln!("{}: {error}", schedule.function),
            Outcome::TimedOut => eprintln!("{}: no answer within its time limit", schedule.function),
        }
    }
}

fn event(rule: &str) -> Value {
    let now = machine::now().as_second();
    json!({
        "version": "0",
        // The name of an event only has to differ from its neighbours'.
        "id": machine::random_id().unwrap_or_else(|_| format!("{rule}-{now}")),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": jiff::Timestamp::from_second(now).map(|time| time.to_string()).unwrap_or_default(),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")],
        "detail": {},
    })
}
