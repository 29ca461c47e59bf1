//! Rate limits per account and address. Windows are aligned to the clock, so a test that crosses a boundary may see up
//! to twice the limit.

use guichet_tests::{Person, Portal, Setup, Visitor, until_refused};
use serde_json::json;

#[tokio::test]
async fn rate_limit_of_3_requests_per_hour_and_queue() {
    let portal = Setup::new().start();
    let person = Person::new();
    let stranger = portal.untrusted_visitor();
    for account in [person.account.as_str(), "personne-ne-porte-ce-nom"] {
        let (done, refused) = until_refused(6, async |_| {
            let response = stranger.request_reset(account).await;
            portal.leave_dedup_window().await;
            response
        })
        .await;
        assert!(done >= 3, "{account}: {done}");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=3600).contains(&wait), "{wait}");
    }
    // The other kind of request, and trusted clients, have their own limits.
    stranger.register(&person.account).await.expect(202, "");
    let before = portal.mails_to(&person.email).await.len();
    portal.visitor().request_reset(&person.account).await.expect(202, "");
    let one_more = async || (portal.mails_to(&person.email).await.len() > before).then_some(());
    portal.until("another mail", one_more).await;
}

#[tokio::test]
async fn rate_limit_of_60_requests_per_source_in_10_min() {
    let portal = &Portal::start();
    let (stranger, other) = (portal.untrusted_visitor(), portal.untrusted_visitor());
    let prefix = Person::new().account;
    let (done, _) = until_refused(120, async |n| stranger.register(&format!("{prefix}-{n}")).await).await;
    assert!(done >= 60, "{done}");
    other.register(&format!("{prefix}-other")).await.expect(202, "");
    for n in 0..65 {
        portal.visitor().register(&format!("{prefix}-inside-{n}")).await.expect(202, "");
    }
}

#[tokio::test]
async fn invalid_tokens_are_rate_limited_per_source() {
    let portal = &Portal::start();
    let (person, visitor, stranger) = (Person::new(), portal.visitor(), portal.untrusted_visitor());
    visitor.register(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(1, &person).await;
    let unknown = "A".repeat(43);
    let (done, refused) = until_refused(40, async |n| {
        if n % 2 == 0 { stranger.check(&unknown).await } else { stranger.reset(&unknown, "oie7").await }
    })
    .await;
    assert!(done >= 20, "{done}");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 600);
    // At that source even a valid link is refused; from any other source it works.
    stranger.check(mail.token()).await.expect(429, "too-many-attempts");
    portal.untrusted_visitor().check(mail.token()).await.expect(200, "");
    // A refused password does not count as an invalid link.
    let honest = portal.untrusted_visitor();
    for _ in 0..25 {
        honest.reset(mail.token(), "court").await.expect(422, "password-refused");
    }
    honest.reset(mail.token(), "oie7").await.expect(204, "");
}

#[tokio::test]
async fn rate_limit_of_60_searches_per_minute() {
    let portal = Setup::new().start();
    let search = |visitor: Visitor| async move {
        visitor.post("/api/find-account", json!({ "email": "personne@sante.example" })).await
    };
    let (done, refused) = until_refused(120, async |_| search(portal.visitor()).await).await;
    assert!(done >= 60, "{done}");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 60);
}
