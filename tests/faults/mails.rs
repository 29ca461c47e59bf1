//! SES: slow, silent, refusing, or telling late.

use crate::faults;
use guichet_tests::{Ground, Person};
use serde_json::json;
use std::time::Duration;

/// The local stack closes SES's port, and opens it again, within so long of being told.
const SES_CLOSES: Duration = Duration::from_millis(300);

faults! {
    "F-01" "SES: 429, maximum sending rate exceeded, for a while" "I1 I2 I11 I12" rate_exceeded;
    "F-02" "SES: 429, daily quota exceeded, for longer than a request lives" "I1 I7 I12" quota_exceeded;
    "F-03" "SES: 500 once, twice, for ever" "I1 I2" broken;
    "F-04" "SES: connections refused" "I1 I2" refused;
    "F-05" "SES takes a mail and its answer is lost" "I2" answer_lost;
    "F-06" "SES takes a mail and its answer is lost, each time" "I2" each_answer_lost;
    "F-07" "SES takes 29 s" "I2 I12" slow;
    "F-08" "SES refuses for good, or pauses" "I1 I12" refused_for_good;
    "F-09" "a mail bounces, is complained of, delayed, rejected" "I1" bounced;
    "F-10" "what SES tells is lost, doubled, out of order" "I1" told_badly;
    "F-11" "the SDK's own retries on top of ours" "I2 I12" no_retries_of_the_sdk;
}

async fn rate_exceeded(ground: &mut Ground) {
    ground.portal.fail(&json!([{ "service": "ses", "mode": "throttle" }]));
    let people = [ground.asks().await, ground.asks().await, ground.asks().await];
    for _ in 0..5 {
        ground.later(65).await;
    }
    for person in people {
        assert!(ground.portal.mails_to(&person.email).await.is_empty(), "SES took nothing");
        let request = ground.request_of(&person).await;
        assert_eq!(request["attempts"]["N"], "0", "what was not taken, for sure, costs no attempt: {request}");
    }
}

async fn quota_exceeded(ground: &mut Ground) {
    let exceeded = json!({ "error": { "status": 429, "kind": "TooManyRequestsException", "message": "Daily message quota exceeded." } });
    ground.portal.fail(&json!([{ "service": "ses", "mode": exceeded }]));
    let early = ground.asks().await;
    ground.alike(&early, async |visitor, account| visitor.register(account).await).await.expect(202, "");
    ground.later(3700).await;
    // The mailer's clock is an hour ahead of the door's, so that what is asked for now is as old at once.
    let late = ground.asks().await;
    ground.ends(&early, "expired");
    ground.ends(&late, "expired");
    ground.later(1).await;
    assert_eq!(ground.request_of(&early).await["status"]["S"], "expired");
    ground.settle().await;
}

async fn broken(ground: &mut Ground) {
    let people = [Person::new(), Person::new(), Person::new()];
    let nth = [json!([1]), json!([1, 2]), json!([])];
    let rules = people.iter().zip(nth);
    let rules: Vec<_> = rules
        .map(|(person, nth)| json!({ "service": "ses", "match": person.email, "nth": nth, "mode": "500" }))
        .collect();
    ground.portal.fail(&json!(rules));
    for person in &people {
        ground.portal.visitor().register(&person.account).await.expect(202, "");
        ground.expects(person);
    }
    ground.ends(&people[2], "failed");
    ground.settle().await;
    assert_eq!(ground.request_of(&people[2]).await["reason"]["S"], "unanswered");
    assert_eq!(ground.request_of(&people[1]).await["attempts"]["N"], "3");
}

async fn refused(ground: &mut Ground) {
    ground.portal.fail(&json!([{ "service": "ses", "mode": "refuse" }]));
    tokio::time::sleep(SES_CLOSES).await;
    let person = ground.asks().await;
    for _ in 0..5 {
        ground.later(65).await;
    }
    let request = ground.request_of(&person).await;
    assert_eq!((&request["status"]["S"], &request["attempts"]["N"]), (&json!("pending"), &json!("0")), "{request}");
    ground.mend();
    tokio::time::sleep(SES_CLOSES).await;
}

fn silent(mode: &str, nth: &[u32]) -> serde_json::Value {
    json!([{ "service": "ses", "nth": nth, "mode": mode }, { "service": "events", "mode": "drop" }])
}

async fn answer_lost(ground: &mut Ground) {
    ground.portal.fail(&silent("drop-after", &[1]));
    let person = ground.asks().await;
    ground.ambiguous(&person, 1);
    ground.settle().await;
    assert_eq!(ground.portal.mails_to(&person.email).await.len(), 2);
}

async fn each_answer_lost(ground: &mut Ground) {
    ground.portal.fail(&silent("drop-after", &[]));
    let person = ground.asks().await;
    ground.ambiguous(&person, 2);
    ground.ends(&person, "failed");
    ground.settle().await;
    assert_eq!(ground.portal.mails_to(&person.email).await.len(), 3);
    assert_eq!(ground.request_of(&person).await["reason"]["S"], "unanswered");
}

async fn slow(ground: &mut Ground) {
    ground.portal.fail(&json!([{ "service": "ses", "nth": [1], "mode": { "slow": 29_000 } }]));
    let person = ground.asks().await;
    ground.ambiguous(&person, 1);
    ground.settle().await;
    let log = std::fs::read_to_string(ground.portal.setup().data().join("logs/mailer.log")).expect("a log");
    assert!(log.contains("imeout"), "the mailer does not wait for it");
}

async fn refused_for_good(ground: &mut Ground) {
    let kinds =
        ["MessageRejected", "MailFromDomainNotVerifiedException", "AccountSuspendedException", "BadRequestException"];
    let people = kinds.map(|kind| (kind, Person::new()));
    let paused = Person::new();
    let rule = |person: &Person, kind: &str| json!({ "service": "ses", "match": person.email, "mode": { "error": { "status": 400, "kind": kind } } });
    let mut rules: Vec<_> = people.iter().map(|(kind, person)| rule(person, kind)).collect();
    rules.push(rule(&paused, "SendingPausedException"));
    ground.portal.fail(&json!(rules));
    for (_, person) in &people {
        ground.portal.visitor().register(&person.account).await.expect(202, "");
        ground.expects(person);
        ground.ends(person, "failed");
    }
    ground.settle().await;
    ground.portal.visitor().register(&paused.account).await.expect(202, "");
    ground.expects(&paused);
    ground.later(65).await;
    for (kind, person) in &people {
        let request = ground.request_of(person).await;
        assert_eq!((&request["attempts"]["N"], &request["reason"]["S"]), (&json!("1"), &json!(kind)), "{request}");
    }
    assert_eq!(ground.request_of(&paused).await["status"]["S"], "pending");
}

async fn bounced(ground: &mut Ground) {
    for (event, end) in [
        ("bounce", "bounced"),
        ("suppressed-bounce", "bounced"),
        ("complaint", "complained"),
        ("delivery-delay", "delayed"),
        ("reject", "failed"),
    ] {
        ground.portal.fail(&json!([{ "service": "events", "mode": "drop" }]));
        let person = ground.asks().await;
        let mail = ground.portal.mail_number(1, &person).await;
        ground.settle().await;
        ground.mend();
        ground.portal.tell(&mail, event).await;
        ground.ends(&person, end);
        ground.comes_to(&person, end).await;
    }
}

async fn told_badly(ground: &mut Ground) {
    // Lost: what SES took is `sent`, and stays so.
    ground.portal.fail(&json!([{ "service": "events", "mode": "drop" }]));
    let lost = ground.asks().await;
    ground.settle().await;
    assert_eq!(ground.request_of(&lost).await["status"]["S"], "sent");
    // Doubled; and the first told after the second.
    ground.portal.fail(&json!([{ "service": "events", "mode": { "duplicate": 4 } }]));
    let doubled = ground.asks().await;
    ground.comes_to(&doubled, "delivered").await;
    ground.portal.fail(&json!([{ "service": "events", "operation": "Send", "mode": { "delay": 700 } }]));
    let late = ground.asks().await;
    ground.comes_to(&late, "delivered").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for person in [&doubled, &late] {
        assert_eq!(ground.request_of(person).await["status"]["S"], "delivered");
    }
}

async fn no_retries_of_the_sdk(ground: &mut Ground) {
    const SENT: &str = "MailerFunction ses SendEmail";
    let count = async |ground: &Ground| ground.portal.calls().await.get(SENT).copied().unwrap_or_default();
    let before = count(ground).await;
    ground.portal.fail(&json!([{ "service": "ses", "mode": "503" }]));
    let person = ground.asks().await;
    ground.ends(&person, "failed");
    ground.settle().await;
    assert_eq!(count(ground).await - before, 3);
}
