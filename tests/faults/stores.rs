//! The tables: failing under the mailer, swept late, restored, and half imported.

use crate::faults;
use guichet_tests::{Ground, Person};
use serde_json::json;

faults! {
    "F-14" "the directory and the credentials cannot be read by the mailer" "I1" directory_unreadable;
    "F-38" "what has expired is still there after days" "I9" swept_away_late;
    "F-40" "an expiry in the wrong unit, or none" "I9" wrong_unit;
    "F-45" "the credentials are restored to what they were" "I5" restored;
    "F-49" "SES is down and DynamoDB throttles at once" "I1 I2 I7 I8 I12" both_down;
    "F-50" "an import ends half-way, shares a mailbox, and takes an account away in mid-flow" "I3" half_imported;
}

async fn directory_unreadable(ground: &mut Ground) {
    for (table, mode) in
        [("Directory", "throttle"), ("Directory", "500"), ("Credentials", "503"), ("Directory", "malformed")]
    {
        let name = ground.portal.stack()["tables"][table].clone();
        ground.portal.fail(&json!([{ "service": "dynamodb", "operation": "GetItem", "match": name, "mode": mode }]));
        let person = ground.asks().await;
        for _ in 0..4 {
            ground.later(65).await;
        }
        let request = ground.request_of(&person).await;
        let stands = (&request["status"]["S"], &request["attempts"]["N"]);
        assert_eq!(stands, (&json!("pending"), &json!("0")), "an error is not nobody: {request}");
    }
}

async fn swept_away_late(ground: &mut Ground) {
    let (person, visitor) = ground.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let other = ground.asks().await;
    let link = ground.link(&other).await;
    ground.portal.let_links_expire(&other.account).await;
    visitor.check(&link).await.expect(410, "link-expired");
    visitor.reset(&link, "oie7").await.expect(410, "link-expired");
    ground.ends(&other, "delivered");
    ground.portal.let_sessions_end(&person.account, "idle_ends_at").await;
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    // A device of half a year ago is a stranger's.
    for device in ground.portal.items("Devices").await {
        let key = json!({ "account": device["account"], "cookie_hash": device["cookie_hash"] });
        let update = json!({ "Key": key, "UpdateExpression": "SET issued_at = :then", "ExpressionAttributeValues": { ":then": { "N": "1000000000" } } });
        ground.portal.dynamodb("UpdateItem", "Devices", update).await;
    }
    let outside = visitor.taken_to(ground.portal.stranger());
    for _ in 0..5 {
        outside.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    outside.sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    // What was counted days ago counts no more, though it is there.
    ground.portal.let_days_pass().await;
    outside.sign_in(&person.account, "oie7").await.expect(200, "");
}

async fn wrong_unit(ground: &mut Ground) {
    // The checker looks at the expiry of every item; here every kind of item has just been written.
    let (person, visitor) = ground.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    ground.portal.stranger().check(&"A".repeat(43)).await.expect(404, "link-unknown");
    for table in ground.portal.expiring_tables() {
        let items = ground.portal.items(&table).await;
        assert!(!items.is_empty(), "{table}");
        for item in items {
            let ttl: u64 = item["ttl"]["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
            assert!((1_700_000_000..3_000_000_000).contains(&ttl), "{table}: {item}");
        }
    }
}

async fn restored(ground: &mut Ground) {
    let (person, visitor) = ground.user().await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let restored = ground.portal.copy_of_table("Credentials").await;
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = ground.portal.mail_number(3, &person).await;
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    ground.portal.mail_number(4, &person).await;
    let since = ground.portal.visitor();
    since.sign_in(&person.account, "abc2").await.expect(200, "");
    let (code, said) = ground.portal.admin(&["restore", "Credentials", "--from", &restored]);
    assert_eq!(code, Some(0), "{said}");
    ground.portal.drop_table(&restored).await;
    for visitor in [&visitor, &since] {
        visitor.get("/api/session").await.expect(401, "not-signed-in");
    }
    visitor.check(mail.token()).await.expect(404, "link-unknown");
    ground.portal.visitor().sign_in(&person.account, "abc2").await.expect(401, "invalid-credentials");
    ground.portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    // The versions of before are not those of now: that is what a restore is.
    ground.forget(&person);
    ground.spoil();
}

async fn both_down(ground: &mut Ground) {
    let (person, _) = ground.user().await;
    let early = ground.asks().await;
    ground.portal.fail(&json!([{ "service": "ses", "mode": "503" }, { "service": "dynamodb", "mode": "throttle" }]));
    let late = Person::new();
    let told = ground.alike(&late, async |visitor, account| visitor.register(account).await).await;
    told.expect(503, "unavailable");
    let told = ground.alike(&person, async |visitor, account| visitor.sign_in(account, "oie7").await).await;
    told.expect(503, "unavailable");
    for _ in 0..3 {
        ground.later(65).await;
    }
    ground.mend();
    ground.portal.visitor().register(&late.account).await.expect(202, "");
    ground.expects(&late);
    ground.portal.mail_number(1, &early).await;
}

async fn half_imported(ground: &mut Ground) {
    // Of 60 newcomers the second batch of entries cannot be written; the credentials are there already.
    let lines: String = (0..60).map(|n| format!("moitie{n},moitie{n}@sante.example,Zoé,Moitié,fr,oui\n")).collect();
    let directory = ground.portal.stack()["tables"]["Directory"].clone();
    ground.portal.fail(&json!([{ "service": "dynamodb", "operation": "BatchWriteItem", "match": directory, "nth": [2, 3, 4, 5, 6, 7, 8, 9], "mode": "500" }]));
    let (code, said) = ground.portal.import(&lines);
    assert_eq!(code, Some(1), "{said}");
    ground.mend();
    let (code, said) = ground.portal.import(&lines);
    assert_eq!(code, Some(0), "{said}");
    let (_, said) = ground.portal.import(&lines);
    assert!(said.contains("0 added, 0 changed, 60 unchanged"), "{said}");

    // In the middle of a flow the account goes, and another takes over the mailbox.
    let person = ground.asks().await;
    let link = ground.link(&person).await;
    let renamed = Person { account: format!("neuf-{}", person.account), ..person.clone() };
    let (_, said) = ground.portal.import(&renamed.line(true));
    assert!(said.contains("1 added"), "{said}");
    ground.portal.visitor().request_reset(&renamed.account).await.expect(202, "");
    ground.comes_to(&renamed, "shared-mailbox").await;
    let (_, said) = ground.portal.import(&(person.line(false) + &renamed.line(true)));
    assert!(said.contains("2 changed"), "{said}");
    ground.portal.visitor().check(&link).await.expect(410, "link-used");
    ground.portal.visitor().reset(&link, "oie7").await.expect(410, "link-used");
    ground.forget(&person);
    ground.portal.visitor().register(&renamed.account).await.expect(202, "");
    ground.portal.mail_number(2, &renamed).await;
}
