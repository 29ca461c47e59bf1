//! Setting a password with a link.

use crate::{assert_gateway_500, faults};
use guichet_tests::{FaultScenario, Person};
use serde_json::{Value, json};

faults! {
    "F-15" "the write of a token succeeds and its response is lost, once and at each attempt" "I2 I3" token_write_answer_lost;
    "F-16" "another transaction holds an item, three times" "I3 I4" transaction_conflict;
    "F-17" "the password change commits and its response is lost" "I3 I4" change_answer_lost;
    "F-18" "the function is killed after the change, and the browser sends the request again" "I3 I4 I5" replay_after_kill on processes;
    "F-19" "the function is killed between hash and change" "I4" killed_before_change on processes;
    "F-20" "a replay arrives after ten minutes" "I3" replay_after_window;
    "F-39" "TTL deletes links, sessions, and requests early" "I4" ttl_deletes_early;
}

async fn token_write_answer_lost(scenario: &mut FaultScenario) {
    let table = scenario.portal.stack()["tables"]["Tokens"].clone();
    for (nth, links) in [(json!([1]), 1), (json!([1, 2, 3]), 2)] {
        scenario.portal.inject_faults(&json!([{ "service": "dynamodb", "operation": "PutItem", "match": table, "nth": nth, "mode": "drop-after" }]));
        let person = scenario.request_link().await;
        scenario.drain().await;
        let tokens = scenario.portal.items("Tokens").await;
        let of_person = tokens.iter().filter(|link| link["account"]["S"] == person.account.as_str());
        assert_eq!(of_person.count(), links, "one per attempt of the mailer, not per retry of the SDK");
        assert_eq!(scenario.portal.mails_to(&person.email).await.len(), 1);
    }
}

async fn version(scenario: &FaultScenario, person: &Person) -> Value {
    scenario.portal.credentials(&person.account).await["version"]["N"].clone()
}

async fn transaction_conflict(scenario: &mut FaultScenario) {
    for nth in [json!([1]), json!([1, 2]), json!([1, 2, 3])] {
        let person = scenario.request_link().await;
        let link = scenario.link(&person).await;
        scenario.portal.inject_faults(
            &json!([{ "service": "dynamodb", "operation": "TransactWriteItems", "nth": nth, "mode": "conflict" }]),
        );
        scenario.portal.visitor().reset(&link, "oie7").await.expect(204, "");
        scenario.set_password(&person);
        scenario.portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    }
}

async fn change_answer_lost(scenario: &mut FaultScenario) {
    let person = scenario.request_link().await;
    let link = scenario.link(&person).await;
    scenario.portal.inject_faults(
        &json!([{ "service": "dynamodb", "operation": "TransactWriteItems", "nth": [1], "mode": "drop-after" }]),
    );
    scenario.portal.visitor().reset(&link, "oie7").await.expect(204, "");
    scenario.set_password(&person);
    assert_eq!(version(scenario, &person).await, "1");
}

async fn replay_after_kill(scenario: &mut FaultScenario) {
    let person = scenario.request_link().await;
    let link = scenario.link(&person).await;
    let visitor = scenario.portal.visitor();
    scenario.portal.set_failpoint("reset.after_tx", "kill");
    assert_gateway_500(&visitor.reset(&link, "oie7").await);
    scenario.set_password(&person);
    visitor.reset(&link, "abc2").await.expect(410, "link-used");
    visitor.reset(&link, "oie7").await.expect(204, "");
    assert_eq!(version(scenario, &person).await, "1");
    visitor.sign_in(&person.account, "abc2").await.expect(401, "invalid-credentials");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
}

async fn killed_before_change(scenario: &mut FaultScenario) {
    let person = scenario.request_link().await;
    let link = scenario.link(&person).await;
    let visitor = scenario.portal.visitor();
    scenario.portal.set_failpoint("reset.after_hash", "kill");
    assert_gateway_500(&visitor.reset(&link, "oie7").await);
    assert_eq!(version(scenario, &person).await, "0");
    visitor.check(&link).await.expect(200, "");
    visitor.reset(&link, "abc2").await.expect(204, "");
    scenario.set_password(&person);
}

async fn replay_after_window(scenario: &mut FaultScenario) {
    let person = scenario.request_link().await;
    let link = scenario.link(&person).await;
    let visitor = scenario.portal.visitor();
    visitor.reset(&link, "oie7").await.expect(204, "");
    scenario.set_password(&person);
    visitor.reset(&link, "oie7").await.expect(204, "");
    scenario.portal.move_clock("reset", 601);
    visitor.reset(&link, "oie7").await.expect(410, "link-used");
    scenario.portal.move_clock("reset", 0);
    assert_eq!(version(scenario, &person).await, "1");
}

async fn ttl_deletes_early(scenario: &mut FaultScenario) {
    let person = scenario.request_link().await;
    let link = scenario.link(&person).await;
    scenario.drain().await;
    let visitor = scenario.portal.visitor();
    visitor.check(&link).await.expect(200, "");
    delete(scenario, "Tokens", &person, &["token_hash"]).await;
    visitor.reset(&link, "oie7").await.expect(404, "link-unknown");
    scenario.expect_status(&person, "delivered");
    assert_eq!(version(scenario, &person).await, "0");

    let (user, owner) = scenario.user().await;
    owner.sign_in(&user.account, "oie7").await.expect(200, "");
    delete(scenario, "Sessions", &user, &["account", "secret_hash"]).await;
    owner.get("/api/session").await.expect(401, "not-signed-in");
    let change = json!({ "current": "oie7", "password": "abc2", "confirmation": "abc2" });
    owner.post("/api/password", change).await.expect(401, "not-signed-in");
}

/// Deletes a person's items from a table.
async fn delete(scenario: &FaultScenario, table: &str, person: &Person, keys: &[&str]) {
    for item in scenario.portal.items(table).await.iter().filter(|item| item["account"]["S"] == person.account.as_str())
    {
        let key: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
        scenario.portal.dynamodb("DeleteItem", table, json!({ "Key": key })).await;
    }
}
