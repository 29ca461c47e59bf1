//! Email rate limits per mailbox and over all mail, and deferral.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup};
use serde_json::json;
use std::time::Duration;

/// The statuses of all requests, in no order, once they satisfy the condition.
async fn wait_for_statuses(portal: &Portal, condition: impl Fn(&[String]) -> bool) -> Vec<String> {
    let states = async || {
        let requests = portal.items("MailRequests").await;
        let status = |it: &serde_json::Value| it["status"]["S"].as_str().unwrap_or_default().to_owned();
        Some(requests.iter().map(status).collect::<Vec<_>>()).filter(|states| condition(states))
    };
    portal.until("the statuses", states).await
}

fn count(states: &[String], word: &str) -> usize {
    states.iter().filter(|state| *state == word).count()
}

/// Whether every request has ended. `sent` becomes `delivered` shortly after.
fn all_ended(states: &[String]) -> bool {
    count(states, "pending") + count(states, "sending") + count(states, "sent") == 0
}

#[tokio::test]
async fn mailbox_rate_limit_reserves_links_for_trusted_clients() {
    let portal = Setup::new().start();
    let (person, owner) = (Person::new(), portal.visitor());
    let mut ends = Vec::new();
    for _ in 0..3 {
        portal.untrusted_visitor().register(&person.account).await.expect(202, "");
        portal.untrusted_visitor().request_reset(&person.account).await.expect(202, "");
        ends.extend(wait_for_statuses(&portal, all_ended).await);
        portal.leave_dedup_window().await;
    }
    assert_eq!((count(&ends, "delivered"), count(&ends, "capped")), (4, 2), "{ends:?}");
    assert_eq!(portal.mails_to(&person.email).await.len(), 4);

    // Two links are reserved for trusted clients, and notices do not count.
    owner.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(5, &person).await;
    owner.reset(mail.token(), "oie7").await.expect(204, "");
    portal.nth_mail(6, &person).await;
    let at_home = owner.with_cookies_of(portal.untrusted_visitor());
    at_home.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(7, &person).await;
    portal.leave_dedup_window().await;
    owner.request_reset(&person.account).await.expect(202, "");
    assert_eq!(count(&wait_for_statuses(&portal, all_ended).await, "capped"), 1);

    // The limit resets the next day.
    portal.delete_counters("mailer#mailbox#").await;
    portal.leave_dedup_window().await;
    owner.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(8, &person).await;
}

#[tokio::test]
async fn email_rate_limit_defers_and_resumes_oldest_first() {
    let portal = Setup::new().with("--set=EmailsPerHour=10").start();
    let strangers: Vec<_> = (0..15).map(|_| Person::new()).collect();
    for (n, person) in strangers.iter().enumerate() {
        portal.untrusted_visitor().register(&person.account).await.expect(202, "");
        portal.untrusted_visitor().register(&format!("personne-{}", person.account)).await.expect(202, "");
        if n < 8 {
            portal.nth_mail(1, person).await;
        }
        if n == 11 {
            // Four are sent concurrently; later requests must have a later timestamp.
            tokio::time::sleep(Duration::from_millis(1010)).await;
        }
    }
    let eight_are_out = |states: &[String]| count(states, "delivered") == 8 && count(states, "no-account") == 15;
    let statuses = wait_for_statuses(&portal, eight_are_out).await;
    assert_eq!(count(&statuses, "pending") + count(&statuses, "sending"), 7, "{statuses:?}");

    // A fifth is reserved for trusted clients and notices.
    let known = Person::new();
    portal.visitor().register(&known.account).await.expect(202, "");
    portal.nth_mail(1, &known).await;
    let mail = portal.nth_mail(1, &strangers[0]).await;
    portal.untrusted_visitor().reset(mail.token(), "oie7").await.expect(204, "");
    portal.nth_mail(2, &strangers[0]).await;
    let late = Person::new();
    portal.visitor().register(&late.account).await.expect(202, "");
    wait_for_statuses(&portal, |states| count(states, "sending") == 0).await;
    assert!(portal.mails_to(&late.email).await.is_empty(), "the limit of ten per hour is reached");

    portal.delete_counters("mailer#all-emails").await;
    portal.sweep().await;
    portal.nth_mail(1, &late).await;
    let deferred = &strangers[8..];
    let sent = join_all(deferred.iter().map(|person| portal.nth_mail(1, person))).await;
    // Four are sent concurrently, so their order is undefined.
    let sent_at: Vec<_> = sent.iter().map(|mail| mail.sent_at.as_str()).collect();
    assert!(sent_at[..4].iter().max() < sent_at[4..].iter().min(), "oldest first: {sent_at:?}");
    for person in &strangers[1..] {
        assert_eq!(portal.mails_to(&person.email).await.len(), 1, "{}", person.account);
    }
    wait_for_statuses(&portal, all_ended).await;
}

#[tokio::test]
async fn ses_throttling_defers_and_resumes_each_email_once() {
    let portal = Setup::new().start();
    let people: Vec<_> = (0..4).map(|_| Person::new()).collect();
    portal.inject_faults(&json!([{
        "service": "ses", "mode": "throttle",
    }]));
    for (n, person) in people.iter().enumerate() {
        let visitor = if n % 2 == 0 { portal.untrusted_visitor() } else { portal.visitor() };
        visitor.register(&person.account).await.expect(202, "");
    }
    // More refusals than a request has attempts.
    let refused = async || {
        assert!(portal.sweep().await, "the sweep succeeds although SES refuses");
        (portal.log().matches("injected fault: ses SendEmail").count() >= 7).then_some(())
    };
    portal.until("SES refuses", refused).await;
    let requests = portal.items("MailRequests").await;
    assert_eq!(requests.len(), people.len());
    portal.clear_faults();
    portal.sweep().await;
    for person in &people {
        portal.nth_mail(1, person).await;
    }
    wait_for_statuses(&portal, |states| count(states, "delivered") == people.len()).await;
}

#[tokio::test]
async fn email_is_limited_to_allowed_domains() {
    let portal = Setup::new().with("--set=MailDomains=*@sante.example,*@chu.example").start();
    let (code, output) = portal.import("ailleurs,ailleurs@evil.example,Alice,Ailleurs,fr,oui\n");
    assert_eq!(code, Some(0), "{output}");
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.register("ailleurs").await.expect(202, "");
    assert_eq!(wait_for_statuses(&portal, all_ended).await, ["failed"]);
    assert!(portal.mails_to("ailleurs@evil.example").await.is_empty(), "no email to another domain");
    visitor.register(&person.account).await.expect(202, "");
    portal.nth_mail(1, &person).await;
}
