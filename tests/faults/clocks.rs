//! Clocks that are wrong, and instances that slept.

use crate::faults;
use futures_util::future::join_all;
use guichet_tests::{FaultScenario, signal};
use serde_json::json;

faults! {
    "F-41" "a clock is five minutes fast or slow, an hour slow, past 2038; a signature is rejected" "I8 I9" clock_skew;
    "F-42" "an instance is frozen for an hour while keys rotate" "I8" frozen_during_rotation;
}

/// A link that nobody was mailed.
const FORGED: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
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
        // Who is not to be remembered is asked anew after an hour, by whichever clock.
        let form = json!({ "account": person.account, "password": "oie7", "remember": "me" });
        visitor.post("/api/login", form).await.expect(200, "");
        visitor.get("/api/session").await.expect(200, "");
        scenario.portal.move_clock(function, 0);
        visitor.get("/api/session").await.expect(200, "");
    }
    // What was asked for an hour ago is not mailed any more, and that is told.
    scenario.portal.move_clock("register", -3600);
    let person = scenario.asks().await;
    scenario.ends(&person, "expired");
    scenario.portal.move_clock("register", 0);
    scenario.drain().await;

    // All of them on the other side of 2^31 seconds.
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
    scenario.forget(&person);
    scenario.delete_items_expired_before(1 << 31).await;
    // A key that an instance read by such a clock is not kept until then.
    scenario.portal.rotate("EdgeSecret");
    let visitors: Vec<_> = (0..6).map(|_| scenario.portal.visitor()).collect();
    for told in join_all(visitors.iter().map(|visitor| visitor.check(FORGED))).await {
        told.expect(404, "link-unknown");
    }

    let refused =
        json!({ "error": { "status": 400, "kind": "InvalidSignatureException", "message": "Signature expired" } });
    scenario.portal.fail(&json!([{ "service": "dynamodb", "mode": refused }]));
    let told = scenario.alike(&person, async |visitor, account| visitor.sign_in(account, "oie7").await).await;
    told.expect(503, "unavailable");
    scenario.clear_faults();
}

async fn frozen_during_rotation(scenario: &mut FaultScenario) {
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let asleep = scenario.portal.pids_of("login");
    for pid in &asleep {
        signal("STOP", *pid);
    }
    scenario.portal.rotate("PepperSecret");
    // Somebody signed in elsewhere meanwhile: the hash is of the new key, and the old one is retired.
    scenario.portal.renew("reset").await;
    let other = scenario.asks().await;
    let link = scenario.link(&other).await;
    scenario.portal.visitor().reset(&link, "oie7").await.expect(204, "");
    scenario.set_password(&other);
    scenario.portal.retire_previous("PepperSecret");
    scenario.portal.move_clock("login", 3600);
    for pid in &asleep {
        signal("CONT", *pid);
    }
    scenario.portal.visitor().sign_in(&other.account, "oie7").await.expect(200, "");
    // With a hash of the retired key nobody is in, and nobody is told to be wrong.
    scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(503, "unavailable");
    scenario.portal.move_clock("login", 0);
}
