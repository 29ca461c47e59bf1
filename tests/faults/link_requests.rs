//! Requests for a link.

use crate::faults;
use guichet_tests::{FaultScenario, Person};
use serde_json::json;

faults! {
    "F-12" "DynamoDB throttles the write of a request, once and for a while" "I7 I12" request_write_throttled;
    "F-13" "the write of a request succeeds, the response is lost, and the client retries" "I2" request_write_idempotent;
    "F-46" "the counter of untrusted failures of an account is a hot partition" "I8 I11" hot_partition;
    "F-47" "1,000 requests for unknown names are queued before a user's" "I11" queue_flood;
}

async fn request_write_throttled(scenario: &mut FaultScenario) {
    let write = |nth: &[u32]| json!([{ "service": "dynamodb", "operation": "TransactWriteItems", "match": "\"requested_account\"", "nth": nth, "mode": "throttle" }]);
    let person = Person::new();
    scenario.portal.inject_faults(&write(&[1, 3]));
    scenario
        .assert_indistinguishable(&person, async |visitor, account| visitor.register(account).await)
        .await
        .expect(202, "");
    scenario.expect_email(&person);
    scenario.portal.inject_faults(&write(&[]));
    for _ in 0..2 {
        let person = Person::new();
        let response = scenario
            .assert_indistinguishable(&person, async |visitor, account| visitor.request_reset(account).await)
            .await;
        assert!(response.expect(503, "unavailable").header("retry-after").parse::<u32>().is_ok());
    }
}

async fn request_write_idempotent(scenario: &mut FaultScenario) {
    let person = Person::new();
    // Both attempts must fall into one deduplication window of two minutes.
    let now = std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs();
    scenario.portal.move_clock("register", 120 - i64::try_from(now % 120).expect("seconds"));
    scenario.portal.inject_faults(&json!([{ "service": "dynamodb", "operation": "TransactWriteItems", "match": "\"requested_account\"", "nth": [1, 2, 3], "mode": "drop-after" }]));
    let visitor = scenario.portal.visitor();
    visitor.register(&person.account).await.expect(503, "unavailable");
    visitor.register(&person.account).await.expect(202, "");
    scenario.portal.move_clock("register", 0);
    scenario.expect_email(&person);
    scenario.drain().await;
    let requests = scenario.portal.items("MailRequests").await;
    let of_person = requests.iter().filter(|request| request["account"]["S"] == person.account.as_str());
    assert_eq!(of_person.count(), 1);
}

async fn hot_partition(scenario: &mut FaultScenario) {
    let (person, owner) = scenario.user().await;
    scenario.portal.delete_counters("login#").await;
    let stranger = scenario.portal.untrusted_visitor();
    stranger.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    let counters = scenario.portal.items("Throttles").await;
    let names: Vec<_> = counters.iter().filter_map(|counter| counter["counter"]["S"].as_str()).collect();
    let hot = names.iter().find(|name| name.starts_with("login#U#")).unwrap_or_else(|| panic!("{names:?}"));
    scenario.portal.inject_faults(
        &json!([{ "service": "dynamodb", "operation": "TransactWriteItems", "match": hot, "mode": "throttle" }]),
    );
    for password in ["faux1", "oie7"] {
        scenario.portal.untrusted_visitor().sign_in(&person.account, password).await.expect(503, "unavailable");
    }
    // Known devices and managed networks can still sign in.
    owner.sign_in(&person.account, "oie7").await.expect(200, "");
    scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}

async fn queue_flood(scenario: &mut FaultScenario) {
    let table = scenario.portal.stack()["tables"]["MailRequests"].as_str().expect("a table").to_owned();
    let now = std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs();
    let junk = |n: usize| {
        json!({ "PutRequest": { "Item": {
            "account_key": { "S": format!("{n:043}") }, "request": { "S": format!("register#U#{}", now / 120) },
            "requested_account": { "S": format!("personne{n}") }, "kind": { "S": "register" }, "client_class": { "S": "U" },
            "device": { "S": "-" }, "created_at": { "N": now.to_string() }, "attempts": { "N": "0" },
            "mailbox_charged": { "BOOL": false }, "schema_version": { "N": "1" }, "status": { "S": "pending" }, "queue": { "S": "untrusted" },
            "next_attempt_at": { "N": now.to_string() }, "ttl": { "N": (now + 86_400).to_string() },
        } } })
    };
    for batch in (0..1000).collect::<Vec<_>>().chunks(25) {
        let items: Vec<_> = batch.iter().copied().map(junk).collect();
        scenario.portal.dynamodb("BatchWriteItem", "MailRequests", json!({ "RequestItems": { &table: items } })).await;
    }
    let person = Person::new();
    scenario.portal.untrusted_visitor().register(&person.account).await.expect(202, "");
    scenario.expect_email(&person);
    scenario.portal.nth_mail(1, &person).await;
    scenario
        .portal
        .until("the flood is processed", async || {
            scenario.portal.sweep().await;
            scenario.in_progress().await.is_empty().then_some(())
        })
        .await;
}
