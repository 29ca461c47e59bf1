//! Least privilege (`.github/ASSURANCE.md`): sends every AWS call with each function's access key. Exactly the listed
//! calls are allowed, and every permission is used.

mod calls;
mod may;

use crate::openapi::yaml;
pub(crate) use calls::Aws;
use calls::{ITEMS, calls, nobodys};
use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup};
use may::{MAY, OTHERS_MAY};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn functions_of_the_template() -> BTreeSet<String> {
    let template = yaml("infra/template.yaml");
    let resources = template["Resources"].as_mapping().expect("a mapping").iter();
    let functions = resources.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    functions.map(|(name, _)| name.as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn functions_have_minimal_table_permissions() {
    let portal = &Portal::start();
    let tables: BTreeSet<_> = ITEMS.iter().map(|(_, table, _)| (*table).to_owned()).collect();
    assert_eq!(tables, portal.tables().into_iter().collect(), "every table is listed");
    let functions: BTreeSet<_> = MAY.iter().map(|(function, _)| (*function).to_owned()).collect();
    assert_eq!(functions, functions_of_the_template(), "every function is listed");
    let aws = Aws::of(portal);
    join_all(MAY.iter().chain(&OTHERS_MAY).map(async |(function, may)| {
        for (what, operation, call) in ITEMS.iter().flat_map(|(item, ..)| calls(item)) {
            let expected = may.iter().any(|may| *may == what || Some(*may) == what.strip_prefix("transaction "));
            assert_eq!(aws.allows(function, operation, &call).await, expected, "{function} {what}");
        }
        for (operation, call) in [
            ("DescribeTable", json!({"TableName": "$Tokens"})),
            ("DeleteTable", json!({"TableName": "$Tokens"})),
            ("UpdateTimeToLive", json!({"TableName": "$Tokens"})),
            ("ListTables", json!({})),
            ("ExecuteStatement", json!({"Statement": "SELECT * FROM Credentials"})),
        ] {
            assert!(!aws.allows(function, operation, &call).await, "{function} {operation}");
        }
        let streams = aws.ask(function, "DynamoDBStreams_20120810.ListStreams", &json!({})).await;
        assert_eq!(streams, (400, "AccessDeniedException".into()), "{function}");
    }))
    .await;
}

/// Adds parameters to a request.
fn with(mut request: Value, more: Value) -> Value {
    if let (Some(request), Value::Object(more)) = (request.as_object_mut(), more) {
        request.extend(more);
    }
    request
}

#[tokio::test]
async fn functions_have_minimal_attribute_permissions() {
    let portal = Portal::start();
    let aws = Aws::of(&portal);
    let call = |item: &str, more: Value| {
        let (table, key, _) = nobodys(item);
        with(json!({"TableName": table, "Key": key}), more)
    };
    let parts = |item: &str, attributes: &str| call(item, json!({"ProjectionExpression": attributes}));
    let batch = |attributes: &str| {
        let (table, key, _) = nobodys("Credentials");
        json!({"RequestItems": {table: {"Keys": [key], "ProjectionExpression": attributes}}})
    };
    let update = |item: &str, attribute: &str, more: Value| {
        let update = json!({"UpdateExpression": format!("SET {attribute} = :v"),
                            "ExpressionAttributeValues": {":v": {"N": "1"}}, "ConditionExpression": "attribute_exists(#key)",
                            "ExpressionAttributeNames": {"#key": nobodys(item).2}});
        call(item, with(update, more))
    };
    let within = |kind: &str, call: Value| json!({"TransactItems": [{kind: call}]});
    let request = |more: Value| {
        let (table, key, _) = nobodys("MailRequests");
        with(json!({"TableName": table, "Item": key, "ConditionExpression": "attribute_exists(account_key)"}), more)
    };
    let search = |index: &str, attribute: &str, more: Value| {
        let query = json!({"TableName": "$Directory", "IndexName": index, "ExpressionAttributeValues": {":v": {"S": "x"}},
                               "KeyConditionExpression": format!("{attribute} = :v")});
        with(query, more)
    };
    let queue = json!({"TableName": "$MailRequests", "IndexName": "by_queue", "KeyConditionExpression": "queue = :v",
                     "ExpressionAttributeValues": {":v": {"S": "personne"}}});
    let returning_old_values = json!({"ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    let seen = json!({"ProjectionExpression": "account, given_name, family_name"});
    let holder = "account, version, active, given_name, family_name, preferred_language";

    for (function, operation, call, allowed) in [
        // `register` and `request-reset` cannot read the outcome of an earlier request.
        ("RegisterFunction", "TransactWriteItems", within("Put", request(json!({}))), true),
        ("RegisterFunction", "TransactWriteItems", within("Put", request(returning_old_values.clone())), false),
        ("RegisterFunction", "PutItem", request(json!({"ReturnValues": "ALL_OLD"})), false),
        ("RequestResetFunction", "TransactWriteItems", within("Put", request(returning_old_values.clone())), false),
        // `mail-events` marks an address without reading it.
        ("MailEventsFunction", "UpdateItem", update("Directory", "bounced_at", json!({})), true),
        ("MailEventsFunction", "UpdateItem", update("Directory", "email", json!({"ReturnValues": "ALL_OLD"})), false),
        ("MailEventsFunction", "UpdateItem", update("Directory", "active", json!({})), false),
        // Only functions that verify hashes read them.
        ("MailerFunction", "GetItem", parts("Credentials", "account, version, active"), true),
        ("MailerFunction", "GetItem", parts("Credentials", "account, version, active, phc"), false),
        ("MailerFunction", "GetItem", parts("Credentials", "phc.x"), false),
        ("MailerFunction", "GetItem", call("Credentials", json!({"AttributesToGet": ["phc"]})), false),
        (
            "MailerFunction",
            "GetItem",
            call("Credentials", json!({"ProjectionExpression": "#p", "ExpressionAttributeNames": {"#p": "phc"}})),
            false,
        ),
        ("ResetFunction", "GetItem", parts("Credentials", holder), true),
        ("ResetFunction", "GetItem", parts("Credentials", "account, phc"), false),
        ("SessionFunction", "BatchGetItem", batch(holder), true),
        ("SessionFunction", "BatchGetItem", batch("account, phc"), false),
        ("SessionFunction", "BatchGetItem", batch("account, key_id"), false),
        ("AuthorizerFunction", "BatchGetItem", batch(holder), true),
        ("AuthorizerFunction", "BatchGetItem", batch("account, phc"), false),
        // A reset writes the hash without reading it, and cannot change the name.
        ("ResetFunction", "TransactWriteItems", within("Update", update("Credentials", "phc", json!({}))), true),
        (
            "ResetFunction",
            "TransactWriteItems",
            within("Update", update("Credentials", "phc", returning_old_values)),
            false,
        ),
        (
            "ResetFunction",
            "TransactWriteItems",
            within("Update", update("Credentials", "given_name", json!({}))),
            false,
        ),
        (
            "PasswordFunction",
            "TransactWriteItems",
            within("Update", update("Credentials", "given_name", json!({}))),
            false,
        ),
        ("PasswordFunction", "TransactWriteItems", within("Update", update("Sessions", "ends_at", json!({}))), false),
        // A sign-in may upgrade the hash and change nothing else of the account.
        ("LoginFunction", "UpdateItem", update("Credentials", "phc", json!({})), true),
        ("LoginFunction", "UpdateItem", update("Credentials", "active", json!({})), false),
        ("PasswordFunction", "UpdateItem", update("Credentials", "phc", json!({})), false),
        // Only the transaction redeems a link; outside of it replays are counted.
        ("ResetFunction", "UpdateItem", update("Tokens", "replays", json!({})), true),
        ("ResetFunction", "UpdateItem", update("Tokens", "used_at", json!({})), false),
        // The search reads accounts and names only.
        ("FindAccountFunction", "Query", search("by_name", "folded_name", seen.clone()), true),
        ("FindAccountFunction", "Query", search("by_email", "email_hash", seen.clone()), true),
        ("FindAccountFunction", "Query", search("by_email", "email_hash", json!({})), false),
        (
            "FindAccountFunction",
            "Query",
            search("by_name", "folded_name", json!({"ProjectionExpression": "email"})),
            false,
        ),
        ("RegisterFunction", "Query", search("by_name", "folded_name", seen.clone()), false),
        ("MailerFunction", "Query", search("by_name", "folded_name", seen), false),
        ("MailerFunction", "Query", queue.clone(), true),
        ("FindAccountFunction", "Query", queue, false),
    ] {
        assert_eq!(aws.allows(function, operation, &call).await, allowed, "{function} {operation} {call}");
    }
}

#[tokio::test]
async fn desk_cannot_read_hashes_or_delete_audit_log() {
    let portal = Portal::start();
    let aws = Aws::of(&portal);
    let (credentials, key, _) = nobodys("Credentials");
    let parts = |attributes: &str| json!({"TableName": credentials, "Key": key, "ProjectionExpression": attributes});
    let batch =
        |attributes: &str| json!({"RequestItems": {&credentials: {"Keys": [key], "ProjectionExpression": attributes}}});
    let update = |attribute: &str, more: Value| {
        let update = json!({"TableName": credentials, "Key": key, "UpdateExpression": format!("SET {attribute} = :v"),
                            "ExpressionAttributeValues": {":v": {"N": "1"}},
                            "ConditionExpression": "attribute_exists(account)"});
        with(update, more)
    };
    let holder = "account, version, active, given_name, family_name, preferred_language";
    let event = |key: &str| json!({"account_key": {"S": key}, "at_id": {"S": "personne"}});
    let take_out = |key: &str| {
        let condition = json!({"ConditionExpression": "attribute_exists(at_id)"});
        with(json!({"TableName": "$Events", "Key": event(key)}), condition)
    };
    let note = |key: &str| {
        let condition = json!({"ConditionExpression": "attribute_exists(at_id)"});
        with(json!({"TableName": "$Events", "Item": event(key)}), condition)
    };
    let links = |attributes: &str| json!({"TableName": "$Tokens", "ProjectionExpression": attributes});
    let somebody = "A".repeat(43);
    let standing = "account, version, active, changed_at";

    for (policy, operation, call, allowed) in [
        ("DeskPolicy", "GetItem", parts(standing), true),
        ("DeskPolicy", "GetItem", parts("account, phc"), false),
        ("DeskPolicy", "UpdateItem", update("phc", json!({})), false),
        ("DeskPolicy", "UpdateItem", update("version", json!({"ReturnValues": "ALL_OLD"})), false),
        ("DeskPolicy", "Scan", links("account, for_request, version, expires_at, used_at"), true),
        ("DeskPolicy", "Scan", links("account, receipt"), false),
        ("ImportPolicy", "BatchGetItem", batch(holder), true),
        ("ImportPolicy", "BatchGetItem", batch("account, phc"), false),
        ("ImportPolicy", "UpdateItem", update("active", json!({})), true),
        ("ImportPolicy", "UpdateItem", update("phc", json!({})), false),
        // The desk can delete an account's events but not write them. The audit log is the reverse: append only.
        ("DeskPolicy", "DeleteItem", take_out(&somebody), true),
        ("DeskPolicy", "PutItem", note(&somebody), false),
        ("DeskPolicy", "DeleteItem", take_out("desk"), false),
        ("DeskPolicy", "DeleteItem", take_out(&format!("desk#{somebody}")), false),
        ("DeskPolicy", "PutItem", note("desk"), true),
        ("DeskPolicy", "PutItem", note(&format!("desk#{somebody}")), true),
    ] {
        assert_eq!(aws.allows(policy, operation, &call).await, allowed, "{policy} {operation} {call}");
    }
}

#[tokio::test]
async fn only_mailer_sends_email_and_secrets_are_scoped() {
    let portal = Portal::start();
    let aws = Aws::of(&portal);
    let from = aws.stack["parameters"]["MailFrom"].as_str().expect("an address").to_owned();
    let set = aws.configuration_set();
    let denied = |status| (status, "AccessDeniedException".to_owned());
    for (function, _) in MAY {
        let response = aws.mail(function, &from, &set).await;
        assert_eq!(
            response,
            if function == "MailerFunction" { (200, String::new()) } else { denied(403) },
            "{function}"
        );
        let keyless = ["MailerFunction", "MailEventsFunction", "AuthorizerFunction"];
        let http = MAY.map(|(function, _)| function).into_iter().filter(|function| !keyless.contains(function));
        let http: Vec<_> = http.collect();
        let hashing = ["ResetFunction", "PasswordFunction", "LoginFunction"];
        for (secret, users) in
            [("$PseudonymSecret", &http[..]), ("$EdgeSecret", &http[..]), ("$PepperSecret", &hashing)]
        {
            let response = aws.ask(function, "secretsmanager.GetSecretValue", &json!({"SecretId": secret})).await;
            let expected = if users.contains(&function) { (200, String::new()) } else { denied(400) };
            assert_eq!(response, expected, "{function} {secret}");
        }
    }
    for (policy, _) in OTHERS_MAY {
        assert_eq!(aws.mail(policy, &from, &set).await, denied(403), "{policy}");
        for secret in ["$PseudonymSecret", "$EdgeSecret", "$PepperSecret"] {
            let response = aws.ask(policy, "secretsmanager.GetSecretValue", &json!({"SecretId": secret})).await;
            let is_its = (policy, secret) == ("DeskPolicy", "$PseudonymSecret");
            assert_eq!(response, if is_its { (200, String::new()) } else { denied(400) }, "{policy} {secret}");
        }
    }
    assert_eq!(aws.mail("MailerFunction", "directeur@guichet.example", &set).await, denied(403));
    assert_eq!(aws.mail("MailerFunction", &from, "another-set").await, denied(403));
}

#[tokio::test]
async fn unknown_access_key_is_denied() {
    let portal = Portal::start();
    let aws = Aws::of(&portal);
    let refused = |status| (status, "UnrecognizedClientException".to_owned());
    for key in ["Stranger", "registerfunction", "guichet", ""] {
        let get = json!({"TableName": "$Directory", "Key": {"account": {"S": "personne"}}});
        assert_eq!(aws.ask(key, "DynamoDB_20120810.GetItem", &get).await, refused(400), "{key}");
        let secret = json!({"SecretId": "$PepperSecret"});
        assert_eq!(aws.ask(key, "secretsmanager.GetSecretValue", &secret).await, refused(400), "{key}");
        assert_eq!(aws.mail(key, "centre-de-services@guichet.example", &aws.configuration_set()).await, refused(403));
    }
}

/// The permissions in the stack's log that were granted but never used: statement, action, and resource.
fn unused(portal: &Portal) -> BTreeSet<String> {
    let log = std::fs::read_to_string(portal.setup().data().join("permissions.log")).expect("the log of permissions");
    let all = |word: &str| log.lines().filter_map(|line| line.strip_prefix(word)).map(str::to_owned).collect();
    let (granted, used): (BTreeSet<String>, BTreeSet<String>) = (all("granted "), all("used "));
    // The local stack finds its resources in a file.
    granted.difference(&used).filter(|it| !it.contains("cloudformation:")).cloned().collect()
}

#[tokio::test]
async fn every_permission_is_used() {
    let portal = Setup::new().start();
    let (person, other, here, there) = (Person::new(), Person::new(), portal.visitor(), portal.visitor());
    let token = here.sign_up(&portal, &person, "fleuve-7q").await;
    here.reset(&token, "fleuve-7q").await.expect(204, "");
    // On a known device, and from an untrusted client.
    for visitor in [&here, &portal.untrusted_visitor()] {
        visitor.register(&person.account).await.expect(202, "");
        visitor.request_reset(&other.account).await.expect(202, "");
        visitor.request_reset(&person.account).await.expect(202, "");
        visitor.check(&"A".repeat(43)).await.expect(404, "link-unknown");
    }

    there.sign_in(&person.account, "rivage-3z").await.expect(401, "invalid-credentials");
    there.sign_in(&person.account, "fleuve-7q").await.expect(200, "");
    for _ in 0..2 {
        here.sign_in(&person.account, "fleuve-7q").await.expect(200, "");
    }
    portal.idle_sessions(&person.account).await;
    let ticket = here.cookie("__Host-session").expect("a session");
    let event = json!({"headers": {"authorization": format!("Bearer {ticket}")}});
    portal.invoke("authorizer", &event).await.expect("an answer");
    here.get("/api/sessions").await.expect(200, "");
    here.get("/api/events").await.expect(200, "");
    here.delete("/api/sessions").await.expect(204, "");
    let change = json!({"current": "fleuve-7q", "password": "fleuve-8q", "confirmation": "fleuve-8q"});
    here.post("/api/password", change).await.expect(204, "");

    let names = json!({"given_name": person.given_name, "family_name": person.family_name});
    here.post("/api/find-account", names).await.expect(200, "");
    here.post("/api/find-account", json!({"email": person.email})).await.expect(200, "");
    portal.rotate("PepperSecret");
    portal.restart_instances("login").await;
    here.sign_in(&person.account, "fleuve-8q").await.expect(200, "");
    here.delete("/api/session").await.expect(204, "");

    here.register("partage1").await.expect(202, "");
    there.sign_in(&person.account, "fleuve-8q").await.expect(200, "");
    let mail = portal.mails_to(&other.email).await.pop().expect("a mail");
    portal.send_ses_event(&mail, "bounce").await;
    let bounced =
        async || portal.items("Directory").await.into_iter().find(|entry| entry["bounced_at"]["N"].is_string());
    portal.until("the mailbox is known to bounce", bounced).await;
    for words in [
        &["find", &other.email][..],
        &["explain", &other.account],
        &["explain", "partage1"],
        &["accounts", "shared-mailbox"],
        &["failed"],
        &["retry", &other.account],
        &["unblock", &other.account],
        &["end-sessions", &person.account],
        &["deactivate", &person.account],
        &["export-audit"],
        &["forget", &person.account],
    ] {
        let (code, output) = portal.admin(words);
        assert_eq!(code, Some(0), "{words:?}: {output}");
    }
    let (_, output) = portal.import(&format!("{}{}", Person::new().line(false), other.line(false)));
    assert!(output.contains("2 changed"), "{output}");
    let (_, output) = portal.import(&person.line(true));
    assert!(output.contains("1 added"), "a forgotten account can be imported again: {output}");

    assert!(portal.sweep().await, "the sweep succeeds");
    let start = Instant::now();
    while !unused(&portal).is_empty() && start.elapsed() < Duration::from_secs(90) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(unused(&portal), BTreeSet::new());
}
