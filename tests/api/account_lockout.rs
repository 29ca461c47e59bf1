//! Lockout after failed sign-ins.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal, Setup};

#[tokio::test]
async fn lockout_after_five_failures_in_15_min_even_for_unknown_accounts() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    let unknown = format!("inconnu-{}", person.account);
    for account in [&person.account, &unknown] {
        let stranger = portal.untrusted_visitor();
        for _ in 0..5 {
            stranger.sign_in(account, "faux1").await.expect(401, "invalid-credentials");
        }
        let refused = stranger.sign_in(account, "oie7").await.expect(429, "too-many-attempts");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((840..=900).contains(&wait), "{wait} s");
    }
}

#[tokio::test]
async fn parallel_guesses_do_not_lock_known_devices() {
    let portal = &Portal::start();
    let (person, owner) = (Person::new(), portal.visitor());
    owner.sign_up(portal, &person, "oie7").await;
    owner.sign_in(&person.account, "oie7").await.expect(200, "");

    let strangers: Vec<_> = (0..50).map(|_| portal.untrusted_visitor()).collect();
    let responses = join_all(strangers.iter().map(|stranger| stranger.sign_in(&person.account, "faux1"))).await;
    let verified = responses.iter().filter(|response| response.status == 401).count();
    let refused = responses.iter().filter(|response| response.status == 429).count();
    assert!((1..=5).contains(&verified) && verified + refused == 50, "{verified} verified, {refused} refused");
    for stranger in &strangers[..6 - verified] {
        stranger.sign_in(&person.account, "faux1").await;
    }

    // Now the right password is refused for untrusted clients, but not on the owner's known device, wherever it is.
    strangers[0].sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    let from_untrusted_network = owner.with_cookies_of(portal.untrusted_visitor());
    from_untrusted_network.sign_in(&person.account, "oie7").await.expect(200, "");
    // That success did not reset the limit of untrusted clients.
    strangers[0].sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    from_untrusted_network.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    strangers[1].reset(mail.token(), "abc2").await.expect(204, "");
    strangers[2].sign_in(&person.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn permanent_lockout_after_20_untrusted_failures() {
    let portal = Setup::new().start();
    let (person, owner) = (Person::new(), portal.visitor());
    owner.sign_up(&portal, &person, "oie7").await;
    let from_untrusted_network = owner.with_cookies_of(portal.untrusted_visitor());
    for _ in 0..4 {
        for _ in 0..5 {
            portal.untrusted_visitor().sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        }
        portal.untrusted_visitor().sign_in(&person.account, "faux1").await.expect(429, "too-many-attempts");
        portal.advance_days().await;
        owner.sign_in(&person.account, "oie7").await.expect(200, "");
        from_untrusted_network.sign_in(&person.account, "oie7").await.expect(200, "");
    }
    let refused = portal.untrusted_visitor().sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    assert_eq!(refused.header("retry-after"), "86400", "only a mailed link ends the lockout");
    owner.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    portal.untrusted_visitor().reset(mail.token(), "abc2").await.expect(204, "");
    portal.untrusted_visitor().sign_in(&person.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn attempt_limit_grows_with_min_password_length() {
    let portal = Setup::new().with("--set=PasswordMinLength=8").start();
    let account = Person::new().account;
    for round in 0..20 {
        for _ in 0..5 {
            let response = portal.untrusted_visitor().sign_in(&account, "faux1").await;
            assert_eq!(response.status, 401, "guess {} of 100", round * 5);
        }
        portal.advance_days().await;
    }
    portal.untrusted_visitor().sign_in(&account, "faux1").await.expect(429, "too-many-attempts");
}

#[tokio::test]
async fn known_device_has_own_attempt_limits_until_a_reset() {
    let portal = &Portal::start();
    let (person, owner) = (Person::new(), portal.visitor());
    let token = owner.sign_up(portal, &person, "oie7").await;
    owner.check(&token).await.expect(410, "link-used");
    let [(name, value)] = &owner.devices()[..] else { panic!("setting the password makes the device known") };
    assert_eq!((name.len(), value.len()), ("__Host-device-".len() + 8, 22));
    let from_untrusted_network = owner.with_cookies_of(portal.untrusted_visitor());
    for _ in 0..10 {
        from_untrusted_network.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    from_untrusted_network.sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    // The limit of untrusted clients is unaffected.
    portal.untrusted_visitor().sign_in(&person.account, "oie7").await.expect(200, "");

    owner.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    let elsewhere = portal.untrusted_visitor();
    elsewhere.reset(mail.token(), "abc2").await.expect(204, "");
    // The other device is known now. The old one is untrusted and at the limit.
    let anybody = owner.with_cookies_of(portal.untrusted_visitor());
    for _ in 0..5 {
        anybody.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    }
    anybody.sign_in(&person.account, "abc2").await.expect(429, "too-many-attempts");
    elsewhere.sign_in(&person.account, "abc2").await.expect(200, "");
}

#[tokio::test]
async fn device_cookie_authenticates_nobody() {
    let portal = &Portal::start();
    let (person, colleague, owner) = (Person::new(), Person::new(), portal.visitor());
    owner.sign_up(portal, &person, "oie7").await;
    owner.sign_up(portal, &colleague, "oie7").await;
    assert_eq!(owner.devices().len(), 2, "one device per colleague on a shared workstation");
    let response = owner.sign_in(&person.account, "oie7").await.expect(200, "");
    let set: Vec<_> = response.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let device = set.iter().find(|cookie| cookie.starts_with("__Host-device-")).expect("a renewed device cookie");
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=15552000"] {
        assert!(device.split("; ").any(|part| part == attribute), "{attribute}: {device}");
    }
    let thief = portal.untrusted_visitor();
    for (name, value) in owner.devices() {
        thief.set_cookie(&name, &value);
    }
    thief.get("/api/session").await.expect(401, "not-signed-in");
    thief.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
}

#[tokio::test]
async fn success_clears_failures_and_reset_ends_lockout() {
    let portal = &Portal::start();
    let (person, owner) = (Person::new(), portal.visitor());
    owner.sign_up(portal, &person, "oie7").await;
    for place in [Portal::visitor, Portal::untrusted_visitor] {
        // A new client each time, so that none is a known device.
        for _ in 0..2 {
            for _ in 0..4 {
                place(portal).sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
            }
            place(portal).sign_in(&person.account, "oie7").await.expect(200, "");
        }
        for _ in 0..5 {
            place(portal).sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        }
        place(portal).sign_in(&person.account, "oie7").await.expect(429, "too-many-attempts");
    }
    owner.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    owner.reset(mail.token(), "abc2").await.expect(204, "");
    for place in [Portal::visitor, Portal::untrusted_visitor] {
        place(portal).sign_in(&person.account, "abc2").await.expect(200, "");
    }
}
