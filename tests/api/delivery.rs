//! SES delivery events are recorded on the mail request, and bounced addresses get no more email.

use guichet_tests::{Person, Portal, Setup};
use serde_json::{Value, json};

/// Waits until the only request of a kind has this status.
async fn wait_for_status(portal: &Portal, kind: &str, status: &str) -> Value {
    let stands_so = |it: &Value| it["kind"]["S"] == kind && it["status"]["S"] == status;
    let found = async || portal.items("MailRequests").await.into_iter().find(stands_so);
    portal.until(&format!("{kind} has status {status}"), found).await
}

/// Sends an SES event and waits until `mail-events` has processed it.
async fn send_event(portal: &Portal, mail: &guichet_tests::Mail, event: &str) {
    let heard = || std::fs::read_to_string(portal.setup().data().join("logs/mail-events.log")).unwrap_or_default();
    let count = |log: &str| log.matches("delivery event recorded").count();
    let before = count(&heard());
    portal.send_ses_event(mail, event).await;
    portal.until(&format!("{event} is heard"), async || (count(&heard()) > before).then_some(())).await;
}

#[tokio::test]
async fn delivery_events_only_move_status_forward() {
    let portal = Setup::new().start();
    portal.inject_faults(&json!([{ "service": "events", "mode": "drop" }]));
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    let sent = wait_for_status(&portal, "register", "sent").await;
    assert_eq!(sent["account"]["S"], person.account.as_str(), "{sent}");
    assert!(sent.get("requested_account").is_none() && sent["ended_at"]["N"].is_string(), "{sent}");
    portal.clear_faults();

    for (event, status) in [
        ("send", "sent"),
        ("delivery-delay", "delayed"),
        ("send", "delayed"),
        ("delivery", "delivered"),
        ("delivery-delay", "delivered"),
        ("reject", "delivered"),
        ("delivery", "delivered"),
        ("bounce", "bounced"),
        ("delivery", "bounced"),
        ("complaint", "complained"),
        ("bounce", "complained"),
    ] {
        send_event(&portal, &mail, event).await;
        let requests = portal.items("MailRequests").await;
        assert_eq!(requests[0]["status"]["S"], status, "after {event}: {requests:#?}");
        let for_the_desk = ["bounced", "complained"].contains(&status);
        assert_eq!(requests[0].get("queue").is_some(), for_the_desk, "after {event}: {requests:#?}");
    }
    // The link still works.
    visitor.reset(mail.token(), "oie7").await.expect(204, "");
}

#[tokio::test]
async fn permanent_bounce_suppresses_until_address_changes() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    send_event(&portal, &mail, "transient-bounce").await;
    let bounced = wait_for_status(&portal, "register", "bounced").await;
    assert_eq!(bounced["reason"]["S"], "MailboxFull");
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(2, &person).await;
    wait_for_status(&portal, "request-reset", "delivered").await;

    // A transient bounce (a full mailbox) does not suppress the address; a permanent one does.
    send_event(&portal, &portal.mails_to(&person.email).await[0], "bounce").await;
    assert_eq!(wait_for_status(&portal, "request-reset", "bounced").await["reason"]["S"], "NoEmail");
    portal.leave_dedup_window().await;
    let (_, output) = portal.import(&person.line(true));
    assert!(output.contains("0 changed, 1 unchanged"), "the import keeps the bounce: {output}");
    visitor.register(&person.account).await.expect(202, "");
    let suppressed = wait_for_status(&portal, "register", "suppressed").await;
    assert_eq!((&suppressed["account"]["S"], &suppressed["queue"]["S"]), (&json!(person.account), &json!("desk")));
    assert_eq!(portal.mails_to(&person.email).await.len(), 2);

    let moved = Person { email: format!("nouvelle.{}", person.email), ..person.clone() };
    let (_, output) = portal.import(&moved.line(true));
    assert!(output.contains("1 changed"), "{output}");
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(1, &moved).await;
}

#[tokio::test]
async fn mailbox_simulator_addresses_cause_their_events() {
    let portal = Setup::new().start();
    let lines = ["bounce", "complaint", "suppressionlist", "success"]
        .map(|name| format!("{name},{name}@simulator.amazonses.com,Simon,Simule,fr,oui\n"));
    let (code, output) = portal.import(&lines.concat());
    assert_eq!(code, Some(0), "{output}");
    for (name, status) in
        [("bounce", "bounced"), ("complaint", "complained"), ("suppressionlist", "bounced"), ("success", "delivered")]
    {
        portal.leave_dedup_window().await;
        portal.visitor().register(name).await.expect(202, "");
        wait_for_status(&portal, "register", status).await;
    }
}
