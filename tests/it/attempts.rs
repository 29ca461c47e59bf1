//! Guessing passwords.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal};

#[tokio::test]
async fn the_sixth_guess_in_a_quarter_of_an_hour_is_refused_for_known_and_unknown_alike() {
    let portal = Portal::shared();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.become_a_user(portal, &person, "abc1").await;
    let unknown = format!("inconnu-{}", person.account);
    for account in [&person.account, &unknown] {
        let stranger = portal.stranger();
        for _ in 0..5 {
            stranger.sign_in(account, "faux1").await.expect(401, "invalid-credentials");
        }
        let refused = stranger.sign_in(account, "abc1").await.expect(429, "too-many-attempts");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((840..=900).contains(&wait), "{wait} s");
    }
}

#[tokio::test]
async fn of_fifty_guesses_at_once_at_most_five_are_verified() {
    let portal = Portal::shared();
    let (person, owner) = (Person::new(), portal.visitor());
    owner.become_a_user(portal, &person, "abc1").await;
    let strangers: Vec<_> = (0..50).map(|_| portal.stranger()).collect();
    let answers = join_all(strangers.iter().map(|stranger| stranger.sign_in(&person.account, "faux1"))).await;
    let verified = answers.iter().filter(|answer| answer.status == 401).count();
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert!((1..=5).contains(&verified) && verified + refused == 50, "{verified} verified, {refused} refused");
    // The owner sits at a managed workstation, which has a counter of its own.
    owner.sign_in(&person.account, "abc1").await.expect(200, "");
}

#[tokio::test]
async fn success_gives_the_failures_back_and_a_reset_ends_any_lock() {
    let portal = Portal::shared();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.become_a_user(portal, &person, "abc1").await;
    for _ in 0..3 {
        for _ in 0..4 {
            visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        }
        visitor.sign_in(&person.account, "abc1").await.expect(200, "");
    }
    for _ in 0..5 {
        visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    visitor.sign_in(&person.account, "abc1").await.expect(429, "too-many-attempts");
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = portal.mail_number(3, &person).await;
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    visitor.sign_in(&person.account, "abc2").await.expect(200, "");
}
