//! Sign-ins while counters, sessions, or keys are unavailable.

use crate::{assert_gateway_500, faults};
use guichet_tests::{FaultScenario, Person, Visitor};
use serde_json::json;

faults! {
    "F-21" "an attempt cannot be counted: throttled, 500, no response" "I8 I10" attempt_not_counted_fails_closed;
    "F-22" "an attempt is counted and the response is lost" "I10" attempt_answer_lost;
    "F-23" "the function is killed after the reservation, and after the verification" "I10" killed_after_reservation on processes;
    "F-24" "a session is put and the response is lost" "I5" session_answer_lost;
    "F-25" "eventually consistent reads return nothing yet" "I5" stale_reads;
    "F-26" "the pepper is unavailable, at a cold start and later" "I8" pepper_unavailable;
    "F-44" "pepper and edge secret rotate during requests" "I1 I5" rotation_in_flight;
}

async fn attempt_not_counted_fails_closed(scenario: &mut FaultScenario) {
    let (person, _) = scenario.user().await;
    let throttles = scenario.portal.stack()["tables"]["Throttles"].clone();
    for mode in ["throttle", "500", "drop-before"] {
        let rule = |operation: &str| json!({ "service": "dynamodb", "operation": operation, "match": throttles, "mode": mode });
        scenario.portal.inject_faults(&json!([rule("UpdateItem"), rule("TransactWriteItems")]));
        // The function would panic after verifying a password.
        scenario.portal.set_failpoint("login.after_verify", "panic");
        let response = scenario
            .assert_indistinguishable(&person, async |visitor, account| visitor.sign_in(account, "oie7").await)
            .await;
        response.expect(503, "unavailable");
        scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(503, "unavailable");
        assert!(!scenario.portal.reached_failpoint("login.after_verify"), "{mode}: no password is verified");
    }
    scenario.portal.clear_failpoints();
}

async fn failures_of(scenario: &FaultScenario, visitor: &Visitor, person: &Person) -> usize {
    // The remaining attempts of the five show how many were counted.
    let mut left = 0;
    while visitor.sign_in(&person.account, "faux1").await.status == 401 {
        left += 1;
        assert!(left <= 5, "no more than five attempts are verified: {}", scenario.portal.log_tail());
    }
    5 - left
}

async fn attempt_answer_lost(scenario: &mut FaultScenario) {
    for operation in ["TransactWriteItems", "UpdateItem"] {
        let (person, _) = scenario.user().await;
        scenario.portal.delete_counters("login#").await;
        let visitor =
            if operation == "UpdateItem" { scenario.portal.visitor() } else { scenario.portal.untrusted_visitor() };
        scenario.portal.inject_faults(&json!([{ "service": "dynamodb", "operation": operation, "match": "login#", "nth": [1], "mode": "drop-after" }]));
        visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        let counted = failures_of(scenario, &visitor, &person).await;
        assert!((1..=2).contains(&counted), "{operation}: counted {counted} times");
    }
}

async fn killed_after_reservation(scenario: &mut FaultScenario) {
    let (person, _) = scenario.user().await;
    let stranger = scenario.portal.untrusted_visitor();
    for point in ["login.after_reserve", "login.after_verify"] {
        scenario.portal.set_failpoint(point, "kill");
        assert_gateway_500(&stranger.sign_in(&person.account, "oie7").await);
        assert!(scenario.portal.reached_failpoint(point));
    }
    assert_eq!(failures_of(scenario, &stranger, &person).await, 2);
}

async fn session_answer_lost(scenario: &mut FaultScenario) {
    let (person, _) = scenario.user().await;
    let sessions = scenario.portal.stack()["tables"]["Sessions"].clone();
    scenario.portal.inject_faults(
        &json!([{ "service": "dynamodb", "operation": "TransactWriteItems", "match": sessions, "mode": "drop-after" }]),
    );
    let visitor = scenario.portal.visitor();
    let response = visitor.sign_in(&person.account, "oie7").await.expect(503, "unavailable");
    assert_eq!((response.header("set-cookie"), visitor.cookie("__Host-session")), ("", None));
    scenario.clear_faults();
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let open = visitor.get("/api/sessions").await.expect(200, "").json()["sessions"].as_array().map_or(0, Vec::len);
    assert!(open >= 2, "the session whose token was lost is listed and can be ended");
    visitor.delete("/api/sessions").await.expect(204, "");
}

async fn stale_reads(scenario: &mut FaultScenario) {
    scenario.portal.inject_faults(&json!([{ "service": "dynamodb", "mode": "stale" }]));
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.get("/api/session").await.expect(200, "");
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = scenario.portal.nth_mail(3, &person).await;
    visitor.check(mail.token()).await.expect(200, "");
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    scenario.set_password(&person);
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.check(mail.token()).await.expect(410, "link-used");
    visitor.sign_in(&person.account, "abc2").await.expect(200, "");
    let stranger = scenario.portal.untrusted_visitor();
    assert_eq!(failures_of(scenario, &stranger, &person).await, 0);
}

async fn pepper_unavailable(scenario: &mut FaultScenario) {
    let (person, owner) = scenario.user().await;
    owner.sign_in(&person.account, "oie7").await.expect(200, "");
    let pepper = scenario.portal.stack()["secrets"]["PepperSecret"].clone();
    scenario.portal.inject_faults(&json!([{ "service": "secretsmanager", "match": pepper, "mode": "503" }]));
    for cold in [true, false] {
        if cold {
            scenario.portal.restart_instances("login").await;
        } else {
            // A key is fetched again after five minutes.
            scenario.clear_faults();
            scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
            scenario.portal.inject_faults(&json!([{ "service": "secretsmanager", "match": pepper, "mode": "503" }]));
            scenario.portal.move_clock("login", 301);
        }
        // The cached key may be retired, so it must not be used.
        let response = scenario
            .assert_indistinguishable(&person, async |visitor, account| visitor.sign_in(account, "oie7").await)
            .await;
        response.expect(503, "unavailable");
        owner.get("/api/session").await.expect(200, "");
        scenario.request_link().await;
    }
    scenario.portal.move_clock("login", 0);
    scenario.clear_faults();
    owner.sign_in(&person.account, "oie7").await.expect(200, "");
}

async fn rotation_in_flight(scenario: &mut FaultScenario) {
    let (person, owner) = scenario.user().await;
    owner.sign_in(&person.account, "oie7").await.expect(200, "");
    let other = scenario.request_link().await;
    let link = scenario.link(&other).await;
    scenario.portal.rotate("PepperSecret");
    scenario.portal.rotate("EdgeSecret");
    // Some instances have cached the new keys, others the old.
    scenario.portal.restart_instances("login").await;
    owner.get("/api/session").await.expect(200, "");
    owner.sign_in(&person.account, "oie7").await.expect(200, "");
    scenario.portal.untrusted_visitor().reset(&link, "oie7").await.expect(204, "");
    scenario.set_password(&other);
    scenario.portal.visitor().sign_in(&other.account, "oie7").await.expect(200, "");
    scenario.request_link().await;
}
