//! The bell: doubled, lost, late, out of order; and mailers that die at their work.

use crate::faults;
use guichet_tests::{Ground, Person};
use serde_json::{Value, json};
use std::time::Duration;

faults! {
    "F-27" "the bell rings twice, ten times, and again after an hour" "I2" doubled;
    "F-28" "two mailers get the same record at once" "I2" at_once;
    "F-29" "the bell never rings, for a minute and for a day" "I1 I13" never;
    "F-30" "requests of no known form: a field missing, of another type, of 100 KB, of an unknown kind" "I11" poison;
    "F-31" "a mailer panics at a record among others, once and for ever" "I2 I11" panics;
    "F-32" "a whole batch is brought again" "I2" batch_again;
    "F-33" "a mailer is killed at each point of its work" "I1 I2" killed_everywhere;
    "F-34" "a mailer is killed once it has taken a request" "I1" killed_after_claim;
    "F-35" "a mailer is killed between link and SES" "I1 I2" killed_before_ses;
    "F-36" "a mailer is killed between SES and its mark" "I2" killed_after_ses;
    "F-37" "records of changes and removals" "I2 I12" other_records;
    "F-43" "a request of a layout that a newer mailer writes" "I1" newer_layout;
    "F-48" "Lambda starts no mailer" "I1 I13" no_mailer;
}

fn bell(mode: &Value) -> Value {
    json!([{ "service": "event-source-mapping", "mode": mode }])
}

/// The event that rings for a request.
fn record(request: &Value, name: &str) -> Value {
    let keys = json!({ "account_key": request["account_key"], "request": request["request"] });
    json!({ "Records": [{ "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": { "Keys": keys } }] })
}

async fn doubled(ground: &mut Ground) {
    for more in [1, 9] {
        ground.portal.fail(&bell(&json!({ "duplicate": more })));
        let person = ground.asks().await;
        ground.link(&person).await;
        ground.settle().await;
        let event = record(&ground.request_of(&person).await, "INSERT");
        ground.portal.invoke("mailer", &event).await.expect("an answer");
        assert_eq!(ground.portal.mails_to(&person.email).await.len(), 1, "however often the bell rings, one mail");
    }
    ground.later(3600).await;
    for request in ground.portal.items("MailRequests").await {
        ground.portal.invoke("mailer", &record(&request, "INSERT")).await.expect("an answer");
    }
}

async fn at_once(ground: &mut Ground) {
    ground.portal.fail(&bell(&json!("drop")));
    for _ in 0..5 {
        let person = ground.asks().await;
        let event = record(&ground.request_of(&person).await, "INSERT");
        let ring = || ground.portal.invoke("mailer", &event);
        let (one, other) = futures_util::future::join(ring(), ring()).await;
        assert!(one.is_some() && other.is_some());
        assert_eq!(ground.portal.mails_to(&person.email).await.len(), 1, "two at once mail one link");
    }
}

async fn never(ground: &mut Ground) {
    ground.portal.fail(&bell(&json!("drop")));
    let (young, old) = (ground.asks().await, ground.asks().await);
    // The sweep takes one that is young, and ends one that is old.
    ground.portal.fail(
        &json!([{ "service": "event-source-mapping", "mode": "drop" }, { "service": "ses", "match": old.email, "mode": "throttle" }]),
    );
    ground.later(65).await;
    ground.link(&young).await;
    ground.ends(&old, "expired");
    ground.later(25 * 3600).await;
    assert_eq!(ground.request_of(&old).await["status"]["S"], "expired");
}

async fn poison(ground: &mut Ground) {
    let template = {
        ground.portal.fail(&bell(&json!({ "delay": 1500 })));
        let person = ground.asks().await;
        let request = ground.request_of(&person).await;
        ground.mend();
        request
    };
    let spoil = |n: usize, field: &str, value: Option<Value>| {
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
        spoil(1, "kind", None),
        spoil(2, "created_at", Some(json!({ "S": "hier" }))),
        spoil(3, "attempts", Some(json!({ "S": "zéro" }))),
        spoil(4, "attempts", None),
        spoil(5, "kind", Some(json!({ "S": "lettre" }))),
        spoil(6, "device", Some(json!({ "N": "1" }))),
        spoil(7, "requested_account", Some(json!({ "S": "x".repeat(100_000) }))),
    ];
    for item in &items {
        ground.portal.dynamodb("PutItem", "MailRequests", json!({ "Item": item })).await;
    }
    let asked = std::time::Instant::now();
    let person = ground.asks().await;
    ground.link(&person).await;
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    ground.settle().await;
    for item in &items {
        let requests = ground.portal.items("MailRequests").await;
        let now = requests.iter().find(|request| request["account_key"] == item["account_key"]).expect("it is there");
        assert_eq!((&now["status"]["S"], &now["reason"]["S"]), (&json!("failed"), &json!("unreadable")), "{now}");
    }
}

async fn panics(ground: &mut Ground) {
    ground
        .portal
        .fail(&json!([{ "service": "events", "mode": "drop" }, { "service": "event-source-mapping", "mode": { "delay": 1500 } }]));
    let people = [ground.asks().await, ground.asks().await, ground.asks().await, ground.asks().await];
    let key = ground.request_of(&people[1]).await["account_key"]["S"].as_str().expect("a key").to_owned();
    ground.portal.rehearse("mailer.after_lease", &format!("panic {}", &key[..12]));
    let panicked = async || ground.portal.is_rehearsed("mailer.after_lease").then_some(());
    ground.portal.until("a mailer panics", panicked).await;
    ground.settle().await;
    for person in &people {
        // One that was in SES's hands as its neighbour panicked is one of those that nobody can know of.
        ground.ambiguous(person, 1);
        assert!(!ground.portal.mails_to(&person.email).await.is_empty());
    }

    ground.portal.forget_rehearsals();
    let (doomed, other) = (ground.asks().await, ground.asks().await);
    let key = ground.request_of(&doomed).await["account_key"]["S"].as_str().expect("a key").to_owned();
    ground.portal.rehearse("mailer.after_lease", &format!("always panic {}", &key[..12]));
    ground.ambiguous(&other, 1);
    ground.ends(&doomed, "failed");
    ground.settle().await;
    ground.portal.forget_rehearsals();
    assert_eq!(ground.request_of(&doomed).await["reason"]["S"], "unfinished");
}

async fn batch_again(ground: &mut Ground) {
    ground.portal.fail(&bell(&json!("drop")));
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(ground.asks().await);
    }
    let mut records = Vec::new();
    for person in &people {
        records.push(record(&ground.request_of(person).await, "INSERT")["Records"][0].clone());
    }
    let event = json!({ "Records": records });
    for _ in 0..3 {
        ground.portal.invoke("mailer", &event).await.expect("an answer");
    }
    for person in &people {
        assert_eq!(ground.portal.mails_to(&person.email).await.len(), 1, "{}", person.account);
    }
}

const POINTS: [&str; 5] =
    ["mailer.after_lease", "mailer.after_token_put", "mailer.before_ses", "mailer.after_ses", "mailer.before_finish"];

/// Lets a mailer be killed at a point; the person whose request it had.
async fn killed_at(ground: &mut Ground, point: &str) -> Person {
    // The next to come there is to be the mailer of this one's request.
    ground.settle().await;
    ground.portal.fail(&json!([{ "service": "events", "mode": "drop" }]));
    ground.portal.rehearse(point, "kill");
    let person = ground.asks().await;
    // The bell may wait for one that was killed before.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if ground.portal.is_rehearsed(point) {
            break;
        }
        ground.portal.sweep().await;
    }
    assert!(ground.portal.is_rehearsed(point), "{point} is come to");
    if ["mailer.after_ses", "mailer.before_finish"].contains(&point) {
        ground.ambiguous(&person, 1);
    }
    ground.settle().await;
    person
}

async fn killed_everywhere(ground: &mut Ground) {
    for point in POINTS {
        killed_at(ground, point).await;
    }
}

async fn killed_after_claim(ground: &mut Ground) {
    let person = killed_at(ground, "mailer.after_lease").await;
    assert_eq!(ground.request_of(&person).await["attempts"]["N"], "2");
}

async fn killed_before_ses(ground: &mut Ground) {
    for point in ["mailer.after_token_put", "mailer.before_ses"] {
        let person = killed_at(ground, point).await;
        assert_eq!(ground.portal.mails_to(&person.email).await.len(), 1, "only the second link was mailed");
        let links = ground.portal.items("Tokens").await;
        let links = links.iter().filter(|link| link["account"]["S"] == person.account.as_str());
        assert_eq!(links.count(), 2, "the first, which nobody was mailed, runs out by itself");
    }
}

async fn killed_after_ses(ground: &mut Ground) {
    for point in ["mailer.after_ses", "mailer.before_finish"] {
        let person = killed_at(ground, point).await;
        let mails = ground.portal.mails_to(&person.email).await;
        assert_eq!(mails.len(), 2);
        for mail in &mails {
            ground.portal.visitor().check(mail.token()).await.expect(200, "");
        }
        ground.portal.visitor().reset(mails[1].token(), "oie7").await.expect(204, "");
        ground.set_password(&person);
        ground.portal.visitor().check(mails[0].token()).await.expect(410, "link-used");
    }
}

async fn other_records(ground: &mut Ground) {
    ground.portal.fail(&bell(&json!("drop")));
    let person = ground.asks().await;
    let request = ground.request_of(&person).await;
    let before = ground.portal.calls().await;
    for name in ["MODIFY", "REMOVE"] {
        ground.portal.invoke("mailer", &record(&request, name)).await.expect("an answer");
    }
    let claims = "MailerFunction dynamodb UpdateItem";
    assert_eq!(ground.portal.calls().await.get(claims), before.get(claims), "they ring for nothing");
}

async fn newer_layout(ground: &mut Ground) {
    ground.portal.fail(&bell(&json!("drop")));
    let person = ground.asks().await;
    let mut newer = ground.request_of(&person).await;
    newer["account_key"] = json!({ "S": "n".repeat(43) });
    newer["schema_version"] = json!({ "N": "2" });
    newer["kind"] = json!({ "S": "lettre" });
    ground.portal.dynamodb("PutItem", "MailRequests", json!({ "Item": newer })).await;
    ground.portal.invoke("mailer", &record(&newer, "INSERT")).await.expect("an answer");
    for _ in 0..3 {
        ground.later(65).await;
    }
    let left = ground.under_way().await;
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!((&left[0]["status"]["S"], &left[0]["attempts"]["N"]), (&json!("pending"), &json!("0")), "{left:#?}");
    // One that no mailer knows, even after an hour, is no secret.
    ground.later(3600).await;
    let requests = ground.portal.items("MailRequests").await;
    let now = requests.iter().find(|request| request["account_key"] == newer["account_key"]).expect("it is there");
    assert_eq!(now["status"]["S"], "failed", "{now}");
}

async fn no_mailer(ground: &mut Ground) {
    ground.portal.fail(&json!([{ "service": "lambda", "operation": "mailer", "mode": "throttle" }]));
    // A sweep that is under way would still look for what is due.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let people = [ground.asks().await, ground.asks().await];
    tokio::time::sleep(Duration::from_secs(3)).await;
    for person in &people {
        assert!(ground.portal.mails_to(&person.email).await.is_empty(), "no mailer is there to send it");
    }
    ground.mend();
    ground.later(1).await;
    for person in &people {
        ground.link(person).await;
    }
}
