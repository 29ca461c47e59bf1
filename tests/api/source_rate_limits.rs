//! Limits per source, and the circuit breaker over all untrusted sources.

use futures_util::future::join_all;
use guichet_tests::{ApiResponse, Person, Portal, Setup, Visitor};

fn retry_after(response: &ApiResponse) -> u64 {
    response.header("retry-after").parse().expect("Retry-After in seconds")
}

#[tokio::test]
async fn source_rate_limit_of_10_failures_in_10_min() {
    let portal = &Portal::start();
    let (person, stranger) = (Person::new(), portal.untrusted_visitor());
    portal.visitor().sign_up(portal, &person, "oie7").await;
    for n in 0..10 {
        let account = if n % 2 == 0 { Person::new().account } else { format!("personne-{}-{n}", person.account) };
        stranger.sign_in(&account, "faux1").await.expect(401, "invalid-credentials");
    }
    for account in [person.account.clone(), format!("personne-{}", person.account)] {
        let refused = stranger.sign_in(&account, "oie7").await.expect(429, "too-many-attempts");
        assert!((500..=600).contains(&retry_after(&refused)), "{refused:?}");
    }
    // Other sources, and the account's own limit, are unaffected.
    portal.untrusted_visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn source_rate_limit_is_exact_for_parallel_guesses() {
    let portal = &Portal::start();
    let stranger = portal.untrusted_visitor();
    let accounts: Vec<_> = (0..50).map(|_| Person::new().account).collect();
    let responses = join_all(accounts.iter().map(|account| stranger.sign_in(account, "faux1"))).await;
    let verified = responses.iter().filter(|response| response.status == 401).count();
    let refused = responses.iter().filter(|response| response.status == 429).count();
    assert!((1..=10).contains(&verified) && verified + refused == 50, "{verified} verified, {refused} refused");
}

#[tokio::test]
async fn source_rate_limit_spares_shared_address_of_honest_users() {
    let portal = &Portal::start();
    let staff: Vec<_> = (0..6).map(|_| Person::new()).collect();
    join_all(staff.iter().map(async |person| {
        portal.visitor().sign_up(portal, person, "oie7").await;
    }))
    .await;
    // One address, and only unknown devices.
    let hospital = portal.untrusted_visitor();
    let machine = || hospital.at_same_address();
    for person in &staff {
        for _ in 0..4 {
            machine().sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        }
        machine().sign_in(&person.account, "oie7").await.expect(200, "");
    }
    // Unresolved failures add up.
    for _ in 0..10 {
        machine().sign_in(&Person::new().account, "faux1").await.expect(401, "invalid-credentials");
    }
    machine().sign_in(&staff[0].account, "oie7").await.expect(429, "too-many-attempts");
}

#[tokio::test]
async fn source_rate_limit_of_20_accounts_per_hour() {
    let portal = Setup::new().start();
    let stranger = portal.untrusted_visitor();
    let accounts: Vec<_> = (0..21).map(|_| Person::new().account).collect();
    for ten in [&accounts[..10], &accounts[10..20]] {
        for account in ten {
            stranger.sign_in(account, "faux1").await.expect(401, "invalid-credentials");
        }
        stranger.sign_in(&accounts[0], "faux1").await.expect(429, "too-many-attempts");
        portal.advance_minutes(10).await;
    }
    let refused = stranger.sign_in(&accounts[20], "faux1").await.expect(429, "too-many-attempts");
    assert!((2300..=2400).contains(&retry_after(&refused)), "the first failure was twenty minutes ago: {refused:?}");
    stranger.sign_in(&accounts[0], "faux1").await.expect(401, "invalid-credentials");
    portal.advance_minutes(41).await;
    stranger.sign_in(&accounts[20], "faux1").await.expect(401, "invalid-credentials");
}

/// A guess at another account from another address each time.
async fn guess(portal: &Portal) -> ApiResponse {
    portal.untrusted_visitor().sign_in(&Person::new().account, "faux1").await
}

#[tokio::test]
async fn circuit_breaker_blocks_only_untrusted_clients() {
    let portal = Setup::new().with("--set=UntrustedFailuresPerHour=6").start();
    let (person, unsigned) = (Person::new(), portal.visitor());
    unsigned.sign_up(&portal, &person, "oie7").await;
    let at_home = unsigned.with_cookies_of(portal.untrusted_visitor());
    // A success removes the user's failures.
    let slow = portal.untrusted_visitor();
    for _ in 0..3 {
        slow.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    slow.sign_in(&person.account, "oie7").await.expect(200, "");
    let responses = join_all((0..30).map(|_| guess(&portal))).await;
    let verified = responses.iter().filter(|response| response.status == 401).count();
    let refused = responses.iter().filter(|response| response.status == 429).count();
    assert!((4..=6).contains(&verified) && verified + refused == 30, "{verified} verified, {refused} refused");
    for _ in verified..6 {
        guess(&portal).await.expect(401, "invalid-credentials");
    }

    let is_stopped = async |stranger: Visitor, account: &str| {
        let refused = stranger.sign_in(account, "oie7").await.expect(429, "too-many-attempts");
        assert!((3500..=3600).contains(&retry_after(&refused)), "{refused:?}");
    };
    is_stopped(portal.untrusted_visitor(), &person.account).await;
    is_stopped(portal.untrusted_visitor(), "personne").await;
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    at_home.sign_in(&person.account, "oie7").await.expect(200, "");
    // A mailed link still works, and makes the device known.
    let elsewhere = portal.untrusted_visitor();
    elsewhere.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    elsewhere.reset(mail.token(), "abc2").await.expect(204, "");
    elsewhere.sign_in(&person.account, "abc2").await.expect(200, "");

    portal.advance_minutes(61).await;
    portal.untrusted_visitor().sign_in(&person.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn circuit_breaker_daily_limit_allows_one_guess_per_hour() {
    let portal = Setup::new().with("--set=UntrustedFailuresPerDay=3").start();
    for _ in 0..3 {
        guess(&portal).await.expect(401, "invalid-credentials");
    }
    for _ in 0..2 {
        let refused = guess(&portal).await.expect(429, "too-many-attempts");
        assert!((3500..=3600).contains(&retry_after(&refused)), "{refused:?}");
        portal.advance_minutes(60).await;
        guess(&portal).await.expect(401, "invalid-credentials");
    }
    guess(&portal).await.expect(429, "too-many-attempts");
}
