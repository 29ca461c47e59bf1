//! Table outages, TTL, restores, and interrupted imports.

use crate::faults;
use guichet_tests::{FaultScenario, Person};
use serde_json::json;

faults! {
    "F-14" "the mailer cannot read the directory and the credentials" "I1" directory_unreadable;
    "F-38" "TTL deletes expired items days late" "I9" ttl_deletes_late;
    "F-40" "an expiry is in the wrong unit, or missing" "I9" expiry_in_wrong_unit;
    "F-45" "the credentials are restored from a backup" "I5" credentials_restored;
    "F-49" "SES is unreachable while DynamoDB throttles" "I1 I2 I7 I8 I12" ses_and_dynamodb_down;
    "F-50" "an import is interrupted, shares a mailbox, and deactivates an account during a reset" "I3" import_interrupted;
}

async fn directory_unreadable(scenario: &mut FaultScenario) {
    for (table, mode) in
        [("Directory", "throttle"), ("Directory", "500"), ("Credentials", "503"), ("Directory", "malformed")]
    {
        let name = scenario.portal.stack()["tables"][table].clone();
        scenario
            .portal
            .inject_faults(&json!([{ "service": "dynamodb", "operation": "GetItem", "match": name, "mode": mode }]));
        let person = scenario.request_link().await;
        for _ in 0..4 {
            scenario.advance_clock(65).await;
        }
        let request = scenario.request_of(&person).await;
        let state = (&request["status"]["S"], &request["attempts"]["N"]);
        assert_eq!(state, (&json!("pending"), &json!("0")), "an error does not end the request: {request}");
    }
}

async fn ttl_deletes_late(scenario: &mut FaultScenario) {
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let other = scenario.request_link().await;
    let link = scenario.link(&other).await;
    scenario.portal.expire_links(&other.account).await;
    visitor.check(&link).await.expect(410, "link-expired");
    visitor.reset(&link, "oie7").await.expect(410, "link-expired");
    scenario.expect_status(&other, "delivered");
    scenario.portal.end_sessions(&person.account, "idle_ends_at").await;
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    // An expired device is unknown.
    for device in scenario.portal.items("Devices").await {
        let key = json!({ "account": device["account"], "cookie_hash": device["cookie_hash"] });
        let update = json!({ "Key": key, "UpdateExpression": "SET issued_at = :then", "ExpressionAttributeValues": { ":then": { "N": "1000000000" } } });
        scenario.portal.dynamodb("UpdateItem", "Devices", update).await;
    }
    let elsewhere = visitor.with_cookies_of(scenario.portal.untrusted_visitor());
    for _ in 0..5 {
        elsewhere.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    elsewhere.sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    // Failures outside every window no longer count, although the item exists.
    scenario.portal.advance_days().await;
    elsewhere.sign_in(&person.account, "oie7").await.expect(200, "");
}

async fn expiry_in_wrong_unit(scenario: &mut FaultScenario) {
    // The invariants check the TTL of every item; here an item of every kind has just been written.
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    scenario.portal.untrusted_visitor().check(&"A".repeat(43)).await.expect(404, "link-unknown");
    for table in scenario.portal.expiring_tables() {
        let items = scenario.portal.items(&table).await;
        assert!(!items.is_empty(), "{table}");
        for item in items {
            let ttl: u64 = item["ttl"]["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
            assert!((1_700_000_000..3_000_000_000).contains(&ttl), "{table}: {item}");
        }
    }
}

async fn credentials_restored(scenario: &mut FaultScenario) {
    let (person, visitor) = scenario.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let restored = scenario.portal.copy_table("Credentials").await;
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = scenario.portal.nth_mail(3, &person).await;
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    scenario.portal.nth_mail(4, &person).await;
    let later_session = scenario.portal.visitor();
    later_session.sign_in(&person.account, "abc2").await.expect(200, "");
    let (code, output) = scenario.portal.admin(&["restore", "Credentials", "--from", &restored]);
    assert_eq!(code, Some(0), "{output}");
    scenario.portal.drop_table(&restored).await;
    for visitor in [&visitor, &later_session] {
        visitor.get("/api/session").await.expect(401, "not-signed-in");
    }
    visitor.check(mail.token()).await.expect(404, "link-unknown");
    scenario.portal.visitor().sign_in(&person.account, "abc2").await.expect(401, "invalid-credentials");
    scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    // A restore changes the versions, so the invariants do not apply to this account.
    scenario.exclude(&person);
    scenario.discard_stack();
}

async fn ses_and_dynamodb_down(scenario: &mut FaultScenario) {
    let (person, _) = scenario.user().await;
    let early = scenario.request_link().await;
    scenario
        .portal
        .inject_faults(&json!([{ "service": "ses", "mode": "503" }, { "service": "dynamodb", "mode": "throttle" }]));
    let late = Person::new();
    let response =
        scenario.assert_indistinguishable(&late, async |visitor, account| visitor.register(account).await).await;
    response.expect(503, "unavailable");
    let response = scenario
        .assert_indistinguishable(&person, async |visitor, account| visitor.sign_in(account, "oie7").await)
        .await;
    response.expect(503, "unavailable");
    for _ in 0..3 {
        scenario.advance_clock(65).await;
    }
    scenario.clear_faults();
    scenario.portal.visitor().register(&late.account).await.expect(202, "");
    scenario.expect_email(&late);
    scenario.portal.nth_mail(1, &early).await;
}

async fn import_interrupted(scenario: &mut FaultScenario) {
    // The second batch of 60 new entries cannot be written; their credentials exist already.
    let lines = (0..60).map(|n| format!("moitie{n},moitie{n}@sante.example,Zoé,Moitié,fr,oui\n"));
    let lines = lines.collect::<Vec<_>>().concat();
    let directory = scenario.portal.stack()["tables"]["Directory"].clone();
    scenario.portal.inject_faults(&json!([{ "service": "dynamodb", "operation": "BatchWriteItem", "match": directory, "nth": [2, 3, 4, 5, 6, 7, 8, 9], "mode": "500" }]));
    let (code, output) = scenario.portal.import(&lines);
    assert_eq!(code, Some(1), "{output}");
    scenario.clear_faults();
    let (code, output) = scenario.portal.import(&lines);
    assert_eq!(code, Some(0), "{output}");
    let (_, output) = scenario.portal.import(&lines);
    assert!(output.contains("0 added, 0 changed, 60 unchanged"), "{output}");

    // During a reset the account is deactivated and another one takes over the mailbox.
    let person = scenario.request_link().await;
    let link = scenario.link(&person).await;
    let renamed = Person { account: format!("neuf-{}", person.account), ..person.clone() };
    let (_, output) = scenario.portal.import(&renamed.line(true));
    assert!(output.contains("1 added"), "{output}");
    scenario.portal.visitor().request_reset(&renamed.account).await.expect(202, "");
    scenario.wait_for_status(&renamed, "shared-mailbox").await;
    let (_, output) = scenario.portal.import(&(person.line(false) + &renamed.line(true)));
    assert!(output.contains("2 changed"), "{output}");
    scenario.portal.visitor().check(&link).await.expect(410, "link-used");
    scenario.portal.visitor().reset(&link, "oie7").await.expect(410, "link-used");
    scenario.exclude(&person);
    scenario.portal.visitor().register(&renamed.account).await.expect(202, "");
    scenario.portal.nth_mail(2, &renamed).await;
}
