//! Clock skew and frozen instances.

use crate::faults;
use futures_util::future::join_all;
use guichet_tests::{FaultScenario, signal};
use serde_json::json;

faults! {
    "F-41" "a clock is five minutes fast or slow, an hour slow, past 2038; a signature is rejected" "I8 I9" clock_skew;
    "F-42" "an instance is frozen for an hour while keys rotate" "I8" frozen_during_rotation on processes;
}

/// A well-formed token that was never issued.
const UNISSUED_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const FUNCTIONS: [&str; 7] = ["register", "request-reset", "mailer", "reset", "login", "session", "password"];

async fn clock_skew(scenario: &mut FaultScenario) {
    for (function, seconds) in [
        ("mailer", 300),
        ("mailer", -300),
        ("reset", 300),
        ("reset", -300),
        ("login", 300),
        ("login", -300),
        ("session", 300),
        ("session", -300),
        ("reset", -3600),
        ("login", -3600),
    ] {
        scenario.portal.move_clock(function, seconds);
        let (person, visitor) = scenario.user().await;
        // A session without a remember option would expire within the hour of skew.
        let form = json!({ "account": person.account, "password": "oie7", "remember": "me" });
        visitor.post("/api/login", form).await.expect(200, "");
        visitor.get("/api/session").await.expect(200, "");
        scenario.portal.move_clock(function, 0);
        visitor.get("/api/session").await.expect(200, "");
    }
    // An hour-old request expires.
    scenario.portal.move_clock("register", -3600);
    let person = scenario.request_link().await;
    scenario.expect_status(&person, "expired");
    scenario.portal.move_clock("register", 0);
    scenario.drain().await;

    // All clocks after 2^31 seconds.
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs()).expect("seconds");
    for function in FUNCTIONS {
        scenario.portal.move_clock(function, (1 << 31) - now + 100);
    }
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let session = visitor.get("/api/session").await.expect(200, "").json();
    assert!(session["expires_at"].as_str().is_some_and(|end| end.starts_with("2038-01-19")), "{session}");
    for function in FUNCTIONS {
        scenario.portal.move_clock(function, 0);
    }
    scenario.exclude(&person);
    scenario.delete_items_expired_before(1 << 31).await;
    // An instance does not cache a key that it read in 2038 until then.
    scenario.portal.rotate("EdgeSecret");
    let visitors: Vec<_> = (0..6).map(|_| scenario.portal.visitor()).collect();
    for response in join_all(visitors.iter().map(|visitor| visitor.check(UNISSUED_TOKEN))).await {
        response.expect(404, "link-unknown");
    }

    let rejection =
        json!({ "error": { "status": 400, "kind": "InvalidSignatureException", "message": "Signature expired" } });
    scenario.portal.inject_faults(&json!([{ "service": "dynamodb", "mode": rejection }]));
    let response = scenario
        .assert_indistinguishable(&person, async |visitor, account| visitor.sign_in(account, "oie7").await)
        .await;
    response.expect(503, "unavailable");
    scenario.clear_faults();
}

async fn frozen_during_rotation(scenario: &mut FaultScenario) {
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let frozen = scenario.portal.pids_of("login");
    for pid in &frozen {
        signal("STOP", *pid);
    }
    scenario.portal.rotate("PepperSecret");
    // Meanwhile a password is hashed with the new key, and the old key is retired.
    scenario.portal.restart_instances("reset").await;
    let other = scenario.request_link().await;
    let link = scenario.link(&other).await;
    scenario.portal.visitor().reset(&link, "oie7").await.expect(204, "");
    scenario.set_password(&other);
    scenario.portal.retire_previous("PepperSecret");
    scenario.portal.move_clock("login", 3600);
    for pid in &frozen {
        signal("CONT", *pid);
    }
    scenario.portal.visitor().sign_in(&other.account, "oie7").await.expect(200, "");
    // A hash with the retired key is neither accepted nor called wrong.
    scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(503, "unavailable");
    scenario.portal.move_clock("login", 0);
}
