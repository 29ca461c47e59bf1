//! `kill -9` at any moment loses no request that got a 202 or 204.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup, signal};
use serde_json::json;

#[tokio::test]
async fn killed_function_is_restarted() {
    let portal = Setup::new().as_processes().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    for _ in 0..10 {
        let before = portal.pids_of("login");
        assert!(!before.is_empty());
        for pid in &before {
            signal("KILL", *pid);
        }
        // The request of a killed instance gets the gateway's 500 at once; the next request succeeds.
        let mut response = visitor.sign_in(&person.account, "oie7").await;
        if response.status == 500 {
            response = visitor.sign_in(&person.account, "oie7").await;
        }
        response.expect(200, "");
        assert!(portal.pids_of("login").iter().all(|pid| !before.contains(pid)));
    }
    assert!(portal.log().contains("login"), "the log names the function: {}", portal.log());
}

#[tokio::test]
async fn queued_email_survives_killed_mailer() {
    let portal = Setup::new().as_processes().start();
    let people: Vec<_> = (0..12).map(|_| Person::new()).collect();
    let visitor = portal.visitor();
    for person in &people {
        visitor.register(&person.account).await.expect(202, "");
        for pid in portal.pids_of("mailer") {
            signal("KILL", pid);
        }
    }
    for person in &people {
        // A mailer that was killed between SES and the final write sends again. Both links work until one is used.
        let mail = first_mail(&portal, person).await;
        visitor.reset(&mail, "oie7").await.expect(204, "");
        visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    }
}

async fn first_mail(portal: &Portal, person: &Person) -> String {
    let first = async || portal.mails_to(&person.email).await.last().map(|mail| mail.token().to_owned());
    portal.until(&format!("a mail to {}", person.account), first).await
}

#[tokio::test]
async fn outbox_survives_killed_stack() {
    let mut portal = Setup::new().as_processes().start();
    let settled = Person::new();
    portal.visitor().sign_up(&portal, &settled, "oie7").await;

    // Kill the stack while it accepts requests and sets passwords.
    let asking: Vec<_> = (0..6).map(|_| Person::new()).collect();
    let visitor = portal.visitor();
    join_all(asking.iter().map(|person| async {
        visitor.register(&person.account).await.expect(202, "");
    }))
    .await;
    portal = portal.kill_and_restart();

    let visitor = portal.visitor();
    visitor.sign_in(&settled.account, "oie7").await.expect(200, "");
    for person in &asking {
        let token = first_mail(&portal, person).await;
        visitor.reset(&token, "oie7").await.expect(204, "");
    }
    portal = portal.kill_and_restart();
    let visitor = portal.visitor();
    for person in &asking {
        visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    }
}

#[tokio::test]
async fn delivery_event_ends_request_of_killed_mailer() {
    let portal = Setup::new().as_processes().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    portal.set_failpoint("mailer.after_ses", "kill");
    visitor.register(&person.account).await.expect(202, "");
    portal.nth_mail(1, &person).await;
    let delivered = async || {
        let mut requests = portal.items("MailRequests").await.into_iter();
        requests.find(|it| it["kind"]["S"] == "register" && it["status"]["S"] == "delivered")
    };
    let delivered = portal.until("the request is delivered", delivered).await;
    assert!(portal.reached_failpoint("mailer.after_ses"), "the mailer was killed at the failpoint");
    assert_eq!((&delivered["account"]["S"], delivered.get("requested_account")), (&json!(person.account), None));
    // The sweep does not take it for unsent.
    portal.move_clock("mailer", 120);
    assert!(portal.sweep().await);
    assert_eq!(portal.mails_to(&person.email).await.len(), 1, "sent once");
}
