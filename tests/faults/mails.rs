//! Failures of SES.

use crate::faults;
use guichet_tests::{FaultScenario, Person};
use serde_json::json;
use std::time::Duration;

/// The local stack closes and reopens SES's port within this time.
const PORT_SWITCH_TIME: Duration = Duration::from_millis(300);

faults! {
    "F-01" "SES throttles (429, sending rate exceeded) for a while" "I1 I2 I11 I12" ses_rate_throttling;
    "F-02" "SES throttles (429, daily quota exceeded) until requests expire" "I1 I7 I12" ses_quota_until_expiry;
    "F-03" "SES answers 500 once, twice, and always" "I1 I2" ses_server_errors_backoff;
    "F-04" "SES refuses connections" "I1 I2" ses_unreachable;
    "F-05" "SES accepts a mail, and the response is lost" "I2" ses_answer_lost;
    "F-06" "SES accepts a mail, and every response is lost" "I2" ses_every_answer_lost;
    "F-07" "SES takes 29 s" "I2 I12" ses_timeout;
    "F-08" "SES rejects permanently, or pauses sending" "I1 I12" ses_permanent_rejection;
    "F-09" "a mail bounces, is complained about, delayed, rejected" "I1" bounce_and_complaint;
    "F-10" "delivery events are lost, duplicated, out of order" "I1" delivery_events_lost_and_reordered;
    "F-11" "the SDK's retries would multiply the mailer's" "I2 I12" ses_no_sdk_retries;
}

async fn ses_rate_throttling(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&json!([{ "service": "ses", "mode": "throttle" }]));
    let people = [scenario.request_link().await, scenario.request_link().await, scenario.request_link().await];
    for _ in 0..5 {
        scenario.advance_clock(65).await;
    }
    for person in people {
        assert!(scenario.portal.mails_to(&person.email).await.is_empty(), "nothing was sent");
        let request = scenario.request_of(&person).await;
        assert_eq!(request["attempts"]["N"], "0", "a certain refusal costs no attempt: {request}");
    }
}

async fn ses_quota_until_expiry(scenario: &mut FaultScenario) {
    let exceeded = json!({ "error": { "status": 429, "kind": "TooManyRequestsException", "message": "Daily message quota exceeded." } });
    scenario.portal.inject_faults(&json!([{ "service": "ses", "mode": exceeded }]));
    let early = scenario.request_link().await;
    scenario
        .assert_indistinguishable(&early, async |visitor, account| visitor.register(account).await)
        .await
        .expect(202, "");
    scenario.advance_clock(3700).await;
    // The mailer's clock is an hour ahead, so a new request is an hour old for it.
    let late = scenario.request_link().await;
    scenario.expect_status(&early, "expired");
    scenario.expect_status(&late, "expired");
    scenario.advance_clock(1).await;
    assert_eq!(scenario.request_of(&early).await["status"]["S"], "expired");
    scenario.drain().await;
}

async fn ses_server_errors_backoff(scenario: &mut FaultScenario) {
    let people = [Person::new(), Person::new(), Person::new()];
    let nth = [json!([1]), json!([1, 2]), json!([])];
    let rules = people.iter().zip(nth);
    let rules: Vec<_> = rules
        .map(|(person, nth)| json!({ "service": "ses", "match": person.email, "nth": nth, "mode": "500" }))
        .collect();
    scenario.portal.inject_faults(&json!(rules));
    for person in &people {
        scenario.portal.visitor().register(&person.account).await.expect(202, "");
        scenario.expect_email(person);
    }
    scenario.expect_status(&people[2], "failed");
    scenario.drain().await;
    assert_eq!(scenario.request_of(&people[2]).await["reason"]["S"], "unanswered");
    assert_eq!(scenario.request_of(&people[1]).await["attempts"]["N"], "3");
}

async fn ses_unreachable(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&json!([{ "service": "ses", "mode": "refuse" }]));
    tokio::time::sleep(PORT_SWITCH_TIME).await;
    let person = scenario.request_link().await;
    for _ in 0..5 {
        scenario.advance_clock(65).await;
    }
    let request = scenario.request_of(&person).await;
    assert_eq!((&request["status"]["S"], &request["attempts"]["N"]), (&json!("pending"), &json!("0")), "{request}");
    scenario.clear_faults();
    tokio::time::sleep(PORT_SWITCH_TIME).await;
}

fn without_response(mode: &str, nth: &[u32]) -> serde_json::Value {
    json!([{ "service": "ses", "nth": nth, "mode": mode }, { "service": "events", "mode": "drop" }])
}

async fn ses_answer_lost(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&without_response("drop-after", &[1]));
    let person = scenario.request_link().await;
    scenario.ambiguous(&person, 1);
    scenario.drain().await;
    assert_eq!(scenario.portal.mails_to(&person.email).await.len(), 2);
}

async fn ses_every_answer_lost(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&without_response("drop-after", &[]));
    let person = scenario.request_link().await;
    scenario.ambiguous(&person, 2);
    scenario.expect_status(&person, "failed");
    scenario.drain().await;
    assert_eq!(scenario.portal.mails_to(&person.email).await.len(), 3);
    assert_eq!(scenario.request_of(&person).await["reason"]["S"], "unanswered");
}

async fn ses_timeout(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&json!([{ "service": "ses", "nth": [1], "mode": { "slow": 29_000 } }]));
    let person = scenario.request_link().await;
    scenario.ambiguous(&person, 1);
    scenario.drain().await;
    let log = std::fs::read_to_string(scenario.portal.setup().data().join("logs/mailer.log")).expect("a log");
    assert!(log.contains("imeout"), "the mailer gave up waiting");
}

async fn ses_permanent_rejection(scenario: &mut FaultScenario) {
    let kinds =
        ["MessageRejected", "MailFromDomainNotVerifiedException", "AccountSuspendedException", "BadRequestException"];
    let people = kinds.map(|kind| (kind, Person::new()));
    let paused = Person::new();
    let rule = |person: &Person, kind: &str| json!({ "service": "ses", "match": person.email, "mode": { "error": { "status": 400, "kind": kind } } });
    let mut rules: Vec<_> = people.iter().map(|(kind, person)| rule(person, kind)).collect();
    rules.push(rule(&paused, "SendingPausedException"));
    scenario.portal.inject_faults(&json!(rules));
    for (_, person) in &people {
        scenario.portal.visitor().register(&person.account).await.expect(202, "");
        scenario.expect_email(person);
        scenario.expect_status(person, "failed");
    }
    scenario.drain().await;
    scenario.portal.visitor().register(&paused.account).await.expect(202, "");
    scenario.expect_email(&paused);
    scenario.advance_clock(65).await;
    for (kind, person) in &people {
        let request = scenario.request_of(person).await;
        assert_eq!((&request["attempts"]["N"], &request["reason"]["S"]), (&json!("1"), &json!(kind)), "{request}");
    }
    assert_eq!(scenario.request_of(&paused).await["status"]["S"], "pending");
}

async fn bounce_and_complaint(scenario: &mut FaultScenario) {
    for (event, end) in [
        ("bounce", "bounced"),
        ("suppressed-bounce", "bounced"),
        ("complaint", "complained"),
        ("delivery-delay", "delayed"),
        ("reject", "failed"),
    ] {
        scenario.portal.inject_faults(&json!([{ "service": "events", "mode": "drop" }]));
        let person = scenario.request_link().await;
        let mail = scenario.portal.nth_mail(1, &person).await;
        scenario.drain().await;
        scenario.clear_faults();
        scenario.portal.send_ses_event(&mail, event).await;
        scenario.expect_status(&person, end);
        scenario.wait_for_status(&person, end).await;
    }
}

async fn delivery_events_lost_and_reordered(scenario: &mut FaultScenario) {
    // Lost events: the status stays `sent`.
    scenario.portal.inject_faults(&json!([{ "service": "events", "mode": "drop" }]));
    let lost = scenario.request_link().await;
    scenario.drain().await;
    assert_eq!(scenario.request_of(&lost).await["status"]["S"], "sent");
    // Duplicated events, and events out of order.
    scenario.portal.inject_faults(&json!([{ "service": "events", "mode": { "duplicate": 4 } }]));
    let duplicated = scenario.request_link().await;
    scenario.wait_for_status(&duplicated, "delivered").await;
    scenario.portal.inject_faults(&json!([{ "service": "events", "operation": "Send", "mode": { "delay": 700 } }]));
    let late = scenario.request_link().await;
    scenario.wait_for_status(&late, "delivered").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for person in [&duplicated, &late] {
        assert_eq!(scenario.request_of(person).await["status"]["S"], "delivered");
    }
}

async fn ses_no_sdk_retries(scenario: &mut FaultScenario) {
    const SENT: &str = "MailerFunction ses SendEmail";
    let count = async |scenario: &FaultScenario| scenario.portal.calls().await.get(SENT).copied().unwrap_or_default();
    let before = count(scenario).await;
    scenario.portal.inject_faults(&json!([{ "service": "ses", "mode": "503" }]));
    let person = scenario.request_link().await;
    scenario.expect_status(&person, "failed");
    scenario.drain().await;
    assert_eq!(count(scenario).await - before, 3);
}
