//! Stream events that are duplicated, lost, late, or malformed, and mailers that are killed.

use crate::faults;
use guichet_tests::{FaultScenario, Person};
use serde_json::{Value, json};
use std::time::Duration;

faults! {
    "F-27" "the stream delivers an event twice, ten times, and again after an hour" "I2" stream_event_duplicated;
    "F-28" "two mailers receive the same record concurrently" "I2" lease_held_by_one_mailer;
    "F-29" "the stream delivers nothing, for a minute and for a day" "I1 I13" stream_events_lost;
    "F-30" "malformed requests: a field missing, of another type, of 100 KB, of an unknown kind" "I11" poison_requests;
    "F-31" "a mailer panics at one record of a batch, once and always" "I2 I11" panic_in_batch on processes;
    "F-32" "a whole batch is delivered again" "I2" batch_redelivered;
    "F-33" "a mailer is killed at each step" "I1 I2" killed_at_each_step on processes;
    "F-34" "a mailer is killed after it leased a request" "I1" killed_after_lease on processes;
    "F-35" "a mailer is killed between creating the link and calling SES" "I1 I2" killed_before_ses on processes;
    "F-36" "a mailer is killed between SES and finishing the request" "I2" killed_after_ses on processes;
    "F-37" "the stream delivers updates and removals" "I2 I12" stream_updates_ignored;
    "F-43" "a request has a newer schema version" "I1" newer_schema_version;
    "F-48" "Lambda starts no mailer" "I1 I13" no_mailer;
}

fn stream_fault(mode: &Value) -> Value {
    json!([{ "service": "event-source-mapping", "mode": mode }])
}

/// The stream event of a request.
fn record(request: &Value, name: &str) -> Value {
    let keys = json!({ "account_key": request["account_key"], "request": request["request"] });
    json!({ "Records": [{ "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": { "Keys": keys } }] })
}

async fn stream_event_duplicated(scenario: &mut FaultScenario) {
    for duplicates in [1, 9] {
        scenario.portal.inject_faults(&stream_fault(&json!({ "duplicate": duplicates })));
        let person = scenario.request_link().await;
        scenario.link(&person).await;
        scenario.drain().await;
        let event = record(&scenario.request_of(&person).await, "INSERT");
        scenario.portal.invoke("mailer", &event).await.expect("an response");
        assert_eq!(
            scenario.portal.mails_to(&person.email).await.len(),
            1,
            "one email, however often the event is delivered"
        );
    }
    scenario.advance_clock(3600).await;
    for request in scenario.portal.items("MailRequests").await {
        scenario.portal.invoke("mailer", &record(&request, "INSERT")).await.expect("an response");
    }
}

async fn lease_held_by_one_mailer(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&stream_fault(&json!("drop")));
    for _ in 0..5 {
        let person = scenario.request_link().await;
        let event = record(&scenario.request_of(&person).await, "INSERT");
        let invoke = || scenario.portal.invoke("mailer", &event);
        let (one, other) = futures_util::future::join(invoke(), invoke()).await;
        assert!(one.is_some() && other.is_some());
        assert_eq!(scenario.portal.mails_to(&person.email).await.len(), 1, "two concurrent mailers send one email");
    }
}

async fn stream_events_lost(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&stream_fault(&json!("drop")));
    let (recent, old) = (scenario.request_link().await, scenario.request_link().await);
    // The sweep mails the recent request and expires the old one.
    scenario.portal.inject_faults(
        &json!([{ "service": "event-source-mapping", "mode": "drop" }, { "service": "ses", "match": old.email, "mode": "throttle" }]),
    );
    scenario.advance_clock(65).await;
    scenario.link(&recent).await;
    scenario.expect_status(&old, "expired");
    scenario.advance_clock(25 * 3600).await;
    assert_eq!(scenario.request_of(&old).await["status"]["S"], "expired");
}

async fn poison_requests(scenario: &mut FaultScenario) {
    let template = {
        scenario.portal.inject_faults(&stream_fault(&json!({ "delay": 1500 })));
        let person = scenario.request_link().await;
        let request = scenario.request_of(&person).await;
        scenario.clear_faults();
        request
    };
    let malformed = |n: usize, field: &str, value: Option<Value>| {
        let mut item = template.clone();
        item["account_key"] = json!({ "S": format!("{n:043}") });
        match value {
            Some(value) => item[field] = value,
            None => {
                item.as_object_mut().expect("an item").remove(field);
            }
        }
        item
    };
    let items = [
        malformed(1, "kind", None),
        malformed(2, "created_at", Some(json!({ "S": "hier" }))),
        malformed(3, "attempts", Some(json!({ "S": "zéro" }))),
        malformed(4, "attempts", None),
        malformed(5, "kind", Some(json!({ "S": "lettre" }))),
        malformed(6, "device", Some(json!({ "N": "1" }))),
        malformed(7, "requested_account", Some(json!({ "S": "x".repeat(100_000) }))),
    ];
    for item in &items {
        scenario.portal.dynamodb("PutItem", "MailRequests", json!({ "Item": item })).await;
    }
    let start = std::time::Instant::now();
    let person = scenario.request_link().await;
    scenario.link(&person).await;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    scenario.drain().await;
    for item in &items {
        let requests = scenario.portal.items("MailRequests").await;
        let now = requests.iter().find(|request| request["account_key"] == item["account_key"]).expect("the request");
        assert_eq!((&now["status"]["S"], &now["reason"]["S"]), (&json!("failed"), &json!("unreadable")), "{now}");
    }
}

async fn panic_in_batch(scenario: &mut FaultScenario) {
    scenario
        .portal
        .inject_faults(&json!([{ "service": "events", "mode": "drop" }, { "service": "event-source-mapping", "mode": { "delay": 1500 } }]));
    let people = [
        scenario.request_link().await,
        scenario.request_link().await,
        scenario.request_link().await,
        scenario.request_link().await,
    ];
    let key = scenario.request_of(&people[1]).await["account_key"]["S"].as_str().expect("a key").to_owned();
    scenario.portal.set_failpoint("mailer.after_lease", &format!("panic {}", &key[..12]));
    let panicked = async || scenario.portal.reached_failpoint("mailer.after_lease").then_some(());
    scenario.portal.until("a mailer panics", panicked).await;
    scenario.drain().await;
    for person in &people {
        // The panic ends the whole invocation, so sends of the same batch are ambiguous.
        scenario.ambiguous(person, 1);
        assert!(!scenario.portal.mails_to(&person.email).await.is_empty());
    }

    scenario.portal.clear_failpoints();
    let (doomed, other) = (scenario.request_link().await, scenario.request_link().await);
    let key = scenario.request_of(&doomed).await["account_key"]["S"].as_str().expect("a key").to_owned();
    scenario.portal.set_failpoint("mailer.after_lease", &format!("always panic {}", &key[..12]));
    scenario.ambiguous(&other, 1);
    scenario.expect_status(&doomed, "failed");
    scenario.drain().await;
    scenario.portal.clear_failpoints();
    assert_eq!(scenario.request_of(&doomed).await["reason"]["S"], "unfinished");
}

async fn batch_redelivered(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&stream_fault(&json!("drop")));
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(scenario.request_link().await);
    }
    let mut records = Vec::new();
    for person in &people {
        records.push(record(&scenario.request_of(person).await, "INSERT")["Records"][0].clone());
    }
    let event = json!({ "Records": records });
    for _ in 0..3 {
        scenario.portal.invoke("mailer", &event).await.expect("an response");
    }
    for person in &people {
        assert_eq!(scenario.portal.mails_to(&person.email).await.len(), 1, "{}", person.account);
    }
}

const POINTS: [&str; 5] =
    ["mailer.after_lease", "mailer.after_token_put", "mailer.before_ses", "mailer.after_ses", "mailer.before_finish"];

/// Kills a mailer at a failpoint, and returns the person whose request it had.
async fn killed_at(scenario: &mut FaultScenario, point: &str) -> Person {
    // The next mailer to reach the failpoint must be that of the new request.
    scenario.drain().await;
    scenario.portal.inject_faults(&json!([{ "service": "events", "mode": "drop" }]));
    scenario.portal.set_failpoint(point, "kill");
    let person = scenario.request_link().await;
    // The stream may still retry for a mailer that was killed before.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if scenario.portal.reached_failpoint(point) {
            break;
        }
        scenario.portal.sweep().await;
    }
    assert!(scenario.portal.reached_failpoint(point), "{point} was not reached");
    if ["mailer.after_ses", "mailer.before_finish"].contains(&point) {
        scenario.ambiguous(&person, 1);
    }
    scenario.drain().await;
    person
}

async fn killed_at_each_step(scenario: &mut FaultScenario) {
    for point in POINTS {
        killed_at(scenario, point).await;
    }
}

async fn killed_after_lease(scenario: &mut FaultScenario) {
    let person = killed_at(scenario, "mailer.after_lease").await;
    assert_eq!(scenario.request_of(&person).await["attempts"]["N"], "2");
}

async fn killed_before_ses(scenario: &mut FaultScenario) {
    for point in ["mailer.after_token_put", "mailer.before_ses"] {
        let person = killed_at(scenario, point).await;
        assert_eq!(scenario.portal.mails_to(&person.email).await.len(), 1, "only the second link was mailed");
        let links = scenario.portal.items("Tokens").await;
        let links = links.iter().filter(|link| link["account"]["S"] == person.account.as_str());
        assert_eq!(links.count(), 2, "the first link was never mailed and expires");
    }
}

async fn killed_after_ses(scenario: &mut FaultScenario) {
    for point in ["mailer.after_ses", "mailer.before_finish"] {
        let person = killed_at(scenario, point).await;
        let mails = scenario.portal.mails_to(&person.email).await;
        assert_eq!(mails.len(), 2);
        for mail in &mails {
            scenario.portal.visitor().check(mail.token()).await.expect(200, "");
        }
        scenario.portal.visitor().reset(mails[1].token(), "oie7").await.expect(204, "");
        scenario.set_password(&person);
        scenario.portal.visitor().check(mails[0].token()).await.expect(410, "link-used");
    }
}

async fn stream_updates_ignored(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&stream_fault(&json!("drop")));
    let person = scenario.request_link().await;
    let request = scenario.request_of(&person).await;
    let before = scenario.portal.calls().await;
    for name in ["MODIFY", "REMOVE"] {
        scenario.portal.invoke("mailer", &record(&request, name)).await.expect("an response");
    }
    let leases = "MailerFunction dynamodb UpdateItem";
    assert_eq!(scenario.portal.calls().await.get(leases), before.get(leases), "updates and removals lease nothing");
}

async fn newer_schema_version(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&stream_fault(&json!("drop")));
    let person = scenario.request_link().await;
    let mut newer = scenario.request_of(&person).await;
    newer["account_key"] = json!({ "S": "n".repeat(43) });
    newer["schema_version"] = json!({ "N": "2" });
    newer["kind"] = json!({ "S": "lettre" });
    scenario.portal.dynamodb("PutItem", "MailRequests", json!({ "Item": newer })).await;
    scenario.portal.invoke("mailer", &record(&newer, "INSERT")).await.expect("an response");
    for _ in 0..3 {
        scenario.advance_clock(65).await;
    }
    let left = scenario.in_progress().await;
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!((&left[0]["status"]["S"], &left[0]["attempts"]["N"]), (&json!("pending"), &json!("0")), "{left:#?}");
    // A request of an unknown schema ends as failed after an hour, visibly.
    scenario.advance_clock(3600).await;
    let requests = scenario.portal.items("MailRequests").await;
    let now = requests.iter().find(|request| request["account_key"] == newer["account_key"]).expect("the request");
    assert_eq!(now["status"]["S"], "failed", "{now}");
}

async fn no_mailer(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&json!([{ "service": "lambda", "operation": "mailer", "mode": "throttle" }]));
    // A running sweep would still process due requests.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let people = [scenario.request_link().await, scenario.request_link().await];
    tokio::time::sleep(Duration::from_secs(3)).await;
    for person in &people {
        assert!(scenario.portal.mails_to(&person.email).await.is_empty(), "no mailer runs");
    }
    scenario.clear_faults();
    scenario.advance_clock(1).await;
    for person in &people {
        scenario.link(person).await;
    }
}
