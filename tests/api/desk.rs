//! The desk's commands.

use guichet_tests::{Person, Portal, Setup, until_refused};
use serde_json::{Value, json};
use std::time::Duration;

/// The cause and the first line of `explain`.
fn explain(portal: &Portal, account: &str) -> (String, String) {
    let (_, explanation) = portal.admin(&["explain", account, "--json"]);
    let explanation: Value = serde_json::from_str(&explanation).unwrap_or_else(|_| panic!("{explanation}"));
    let text = |name: &str| explanation[name].as_str().expect("a text").to_owned();
    (text("cause"), text("message"))
}

/// Asserts the cause and a part of the first line.
fn assert_cause(portal: &Portal, account: &str, cause: &str, expected: &str) {
    let explanation = explain(portal, account);
    assert!(
        explanation.0 == cause && explanation.1.replace('\u{a0}', " ").contains(expected),
        "{cause}, {expected:?}: {explanation:?}"
    );
    let (_, text) = portal.admin(&["explain", account]);
    assert_eq!(text.lines().next(), Some(explanation.1.as_str()), "{text}");
}

async fn wait_for_cause(portal: &Portal, account: &str, cause: &str) {
    portal.until(cause, async || (explain(portal, account).0 == cause).then_some(())).await;
}

#[tokio::test]
async fn explain_says_why_email_is_missing_and_retry_sends_it() {
    let portal = Setup::new().start();
    let visitor = portal.visitor();
    // No request, or another name.
    let person = Person::new();
    assert_cause(&portal, &person.account, "never-asked", "Personne n’a demandé de courriel");
    visitor.register("jtremblai").await.expect(202, "");
    assert_cause(&portal, "jtremblai", "not-in-the-directory", "n’est pas au répertoire");

    // Mailbox problems.
    for account in ["sanscourriel", "partage1", "inactif"] {
        visitor.register(account).await.expect(202, "");
    }
    wait_for_cause(&portal, "sanscourriel", "no-mailbox").await;
    wait_for_cause(&portal, "partage1", "shared-mailbox").await;
    assert_cause(&portal, "partage1", "shared-mailbox", "aussi celle de partage2");
    assert_cause(&portal, "inactif", "inactive", "désactivé");

    // Delivered, perhaps to another folder.
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    wait_for_cause(&portal, &person.account, "link-good").await;
    portal.send_ses_event(&mail, "delivery").await;
    assert_cause(&portal, &person.account, "link-good", &format!("livré à {}", person.email));
    // Bounced.
    portal.send_ses_event(&mail, "bounce").await;
    wait_for_cause(&portal, &person.account, "bounced").await;
    assert_cause(&portal, &person.account, "bounced", &format!("Les courriels à {} reviennent", person.email));

    // Delayed.
    let late = Person::new();
    portal.inject_faults(&json!([{ "service": "events", "mode": "drop" }]));
    visitor.register(&late.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &late).await;
    wait_for_cause(&portal, &late.account, "link-good").await;
    portal.clear_faults();
    portal.send_ses_event(&mail, "delivery-delay").await;
    wait_for_cause(&portal, &late.account, "delayed").await;

    // SES is down, or rejected this email.
    let (deferred, refused) = (Person::new(), Person::new());
    let kind = json!({ "error": { "status": 400, "kind": "MessageRejected" } });
    portal.inject_faults(&json!([
        { "service": "ses", "match": refused.email, "mode": kind },
        { "service": "ses", "match": deferred.email, "mode": "throttle" },
    ]));
    visitor.register(&refused.account).await.expect(202, "");
    wait_for_cause(&portal, &refused.account, "failed").await;
    assert_cause(&portal, &refused.account, "failed", "MessageRejected");
    visitor.register(&deferred.account).await.expect(202, "");
    wait_for_cause(&portal, &deferred.account, "deferred").await;
    portal.clear_faults();

    // Requests that need attention are listed and can be retried.
    let (code, output) = portal.admin(&["failed"]);
    assert_eq!(code, Some(0), "{output}");
    for account in [&refused.account, &person.account, "sanscourriel", "partage1"] {
        assert!(output.contains(account), "{account}: {output}");
    }
    assert!(!output.contains(&late.account), "{output}");
    let (code, output) = portal.admin(&["retry", &refused.account, "--dry-run"]);
    assert!(code == Some(0) && portal.mails_to(&refused.email).await.is_empty(), "{output}");
    let (code, output) = portal.admin(&["retry", &refused.account]);
    assert_eq!(code, Some(0), "{output}");
    // The stream does not overtake the deferred request; the sweep sends both.
    portal.sweep().await;
    portal.nth_mail(1, &refused).await;
    wait_for_cause(&portal, &refused.account, "link-good").await;
    assert_eq!(portal.admin(&["retry", &refused.account]).0, Some(3), "already retried");
    assert!(!portal.admin(&["failed"]).1.contains(&refused.account));
}

#[tokio::test]
async fn explain_shows_link_state_and_unblock_ends_lockout() {
    let portal = Setup::new().start();
    // Used.
    let (used, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &used, "oie7").await;
    assert_cause(&portal, &used.account, "link-used", "Le lien a servi à");
    visitor.sign_in(&used.account, "faux1").await.expect(401, "invalid-credentials");
    visitor.sign_in(&used.account, "faux1").await.expect(401, "invalid-credentials");
    assert_cause(&portal, &used.account, "wrong-password", "2 mot(s) de passe refusé(s)");
    visitor.sign_in(&used.account, "oie7").await.expect(200, "");
    // Half a year on shared workstations, each of which is another device.
    let devices = portal.items("Devices").await;
    let device = devices.iter().find(|device| device["account"]["S"] == used.account).expect("a device");
    for n in 0..100 {
        let mut device = device.clone();
        device["cookie_hash"] = json!({ "S": format!("{n:043}") });
        portal.dynamodb("PutItem", "Devices", json!({ "Item": device })).await;
    }
    assert_cause(&portal, &used.account, "signed-in", "Rien ne bloque");
    assert!(explain(&portal, &used.account).1.contains("Le dernier lien a servi"));

    // Expired.
    let expired = Person::new();
    portal.visitor().register(&expired.account).await.expect(202, "");
    portal.nth_mail(1, &expired).await;
    wait_for_cause(&portal, &expired.account, "link-good").await;
    portal.expire_links(&expired.account).await;
    assert_cause(&portal, &expired.account, "link-expired", "Le lien a expiré");

    // Locked out.
    let blocked = Person::new();
    portal.visitor().sign_up(&portal, &blocked, "oie7").await;
    let elsewhere = portal.untrusted_visitor();
    for _ in 0..5 {
        elsewhere.sign_in(&blocked.account, "faux1").await.expect(401, "invalid-credentials");
    }
    elsewhere.sign_in(&blocked.account, "oie7").await.expect(429, "too-many-attempts");
    assert_cause(&portal, &blocked.account, "too-many-attempts", "Trop de mots de passe refusés de l’extérieur");
    let (code, output) = portal.admin(&["explain", &blocked.account, "--lang", "en"]);
    assert!(code == Some(0) && output.starts_with("Too many passwords refused from outside"), "{output}");
    let (code, output) = portal.admin(&["unblock", &blocked.account, "--dry-run"]);
    assert_eq!(code, Some(0), "{output}");
    elsewhere.sign_in(&blocked.account, "oie7").await.expect(429, "too-many-attempts");
    let (code, output) = portal.admin(&["unblock", &blocked.account]);
    assert_eq!(code, Some(0), "{output}");
    elsewhere.sign_in(&blocked.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn explain_shows_request_rate_limit() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    // The limit must be reached in the current hour. Up to six requests, because a new hour may begin between them.
    let (mails, _) = until_refused(6, async |n| {
        portal.move_clock("register", 3 * 60 * (i64::try_from(n).expect("a number") - 3));
        visitor.register(&person.account).await
    })
    .await;
    portal.move_clock("register", 0);
    portal.nth_mail(mails, &person).await;
    wait_for_cause(&portal, &person.account, "too-many-requests").await;
    let (_, output) = explain(&portal, &person.account);
    assert!(output.contains("Le dernier") && output.contains("livré"), "{output}");
}

#[tokio::test]
async fn desk_actions_are_done_and_audited() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    portal.visitor().request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;

    let output = portal.admin(&["end-sessions", &person.account, "--dry-run"]);
    assert_eq!(output.0, Some(0), "{output:?}");
    visitor.get("/api/session").await.expect(200, "");
    // Events of the same second have no order.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let output = portal.admin(&["end-sessions", &person.account]);
    assert_eq!(output.0, Some(0), "{output:?}");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.check(mail.token()).await.expect(410, "link-used");
    assert_cause(&portal, &person.account, "link-dead", "Le lien est mort");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");

    let output = portal.admin(&["deactivate", &person.account]);
    assert_eq!(output.0, Some(0), "{output:?}");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");
    assert_cause(&portal, &person.account, "inactive", "désactivé");
    let (_, output) = portal.import(&person.line(true));
    assert!(output.contains("1 changed"), "{output}");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");

    // People are found by parts of account, name, or email address.
    for text in [person.account.as_str(), person.email.as_str(), &format!("{} marie-eve", person.family_name)] {
        let (code, output) = portal.admin(&["find", text]);
        assert!(code == Some(0) && output.contains(&person.email), "{text}: {output}");
    }
    assert_eq!(portal.admin(&["find", "Personne Nulle-Part"]).0, Some(3));
    let (_, output) = portal.admin(&["accounts", "shared-mailbox"]);
    assert!(
        output.contains("partage1") && output.contains("partage2") && !output.contains(&person.account),
        "{output}"
    );
    let (_, output) = portal.admin(&["accounts", "without-mailbox"]);
    assert!(output.contains("sanscourriel") && !output.contains("partage1"), "{output}");
    for words in [&["explain", "pas un nom !"][..], &["unblock", ""], &["export-audit", "--since", "hier"]] {
        let (code, output) = portal.admin(words);
        assert!(code == Some(1) && output.starts_with("guichet-admin: "), "{words:?}: {output}");
    }

    let (_, audit) = portal.admin(&["export-audit"]);
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |line: &&Value| line["account"] == person.account.as_str();
    let acts: Vec<_> = lines.iter().filter(of).filter_map(|line| line["action"].as_str()).collect();
    assert_eq!(acts, ["end-sessions", "deactivate"], "dry runs are not recorded");
    assert!(lines.iter().filter(of).any(|line| line["what"] == "signed-in"), "{audit}");
    let by = lines.iter().filter_map(|line| line["by"].as_str());
    assert!(by.clone().count() > 0 && by.clone().all(|by| by.starts_with("local:")), "{audit}");
    let (_, again) = portal.admin(&["export-audit", "--since", "2020-01-01"]);
    assert!(again.contains("\"export-audit\""), "{again}");
    assert_eq!(portal.admin(&["export-audit", "--until", "2020-01-01"]).1.trim(), "");
}

#[tokio::test]
async fn erasure_leaves_no_trace_of_the_account() {
    let portal = Setup::new().start();
    let (person, other) = (Person::new(), Person::new());
    for who in [&person, &other] {
        let visitor = portal.visitor();
        visitor.sign_up(&portal, who, "oie7").await;
        visitor.sign_in(&who.account, "faux1").await.expect(401, "invalid-credentials");
        visitor.sign_in(&who.account, "oie7").await.expect(200, "");
        portal.untrusted_visitor().sign_in(&who.account, "faux1").await.expect(401, "invalid-credentials");
    }
    let key = |account: &str| {
        let requests = portal.items("MailRequests");
        let account = account.to_owned();
        async move {
            let of = |item: &&Value| item["account"]["S"] == account.as_str();
            requests.await.iter().find(of).expect("a request")["account_key"]["S"].as_str().expect("a key").to_owned()
        }
    };
    let (mine, others) = (key(&person.account).await, key(&other.account).await);
    let find_items = async |account: &str, key: &str| {
        let mut items = Vec::new();
        for table in portal.tables() {
            let all = portal.items(&table).await;
            let here = all.iter().map(Value::to_string).filter(|it| it.contains(account) || it.contains(key));
            items.extend(here.map(|item| format!("{table}: {item}")));
        }
        items
    };
    let before = find_items(&other.account, &others).await;
    let output = portal.admin(&["forget", &person.account, "--dry-run"]);
    assert!(output.0 == Some(0) && !find_items(&person.account, &mine).await.is_empty(), "{output:?}");
    let output = portal.admin(&["forget", &person.account]);
    assert_eq!(output.0, Some(0), "{output:?}");
    let left = find_items(&person.account, &mine).await;
    assert_eq!(left.len(), 1, "only the record of the erasure: {left:#?}");
    assert!(left[0].starts_with("Events: ") && left[0].contains("forget"), "{left:#?}");
    assert_eq!(find_items(&other.account, &others).await.len(), before.len(), "other accounts keep their data");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");
    assert_cause(&portal, &person.account, "not-in-the-directory", "n’est pas au répertoire");
}
