//! The Lambda authorizer for the organization's own routes.

use guichet_tests::{Person, Portal, Setup, Visitor};
use serde_json::{Value, json};

/// Invokes the authorizer as the gateway does for a request with this `Authorization` header (payload format 2.0).
fn event(authorization: Option<&str>) -> Value {
    let mut event = json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:ca-central-1:000000000000:api/$default/GET/horaires",
        "identitySource": authorization.as_slice(),
        "routeKey": "GET /horaires",
        "rawPath": "/horaires",
        "rawQueryString": "",
        "headers": { "accept": "*/*", "host": "api.guichet.example" },
        "requestContext": { "http": { "method": "GET", "path": "/horaires", "sourceIp": "127.9.0.1" } },
    });
    if let Some(authorization) = authorization {
        event["headers"]["authorization"] = authorization.into();
    }
    event
}

async fn authorize(portal: &Portal, authorization: &str) -> Value {
    portal.invoke("authorizer", &event(Some(authorization))).await.expect("an response")
}

fn denied() -> Value {
    json!({ "isAuthorized": false })
}

/// Signs in without cookies; returns the `Authorization` header.
async fn bearer(visitor: &Visitor, person: &Person, password: &str) -> String {
    let form = json!({ "account": person.account, "password": password, "transport": "bearer" });
    let response = visitor.post("/api/login", form).await.expect(200, "").json();
    format!("Bearer {}", response["token"].as_str().expect("a token"))
}

#[tokio::test]
async fn authorizer_accepts_bearer_sessions_only() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;
    let good = bearer(&visitor, &person, "oie7").await;
    let allowed = json!({
        "isAuthorized": true,
        "context": { "account": person.account, "name": format!("{} {}", person.given_name, person.family_name) },
    });
    for spelling in [good.clone(), good.replace("Bearer", "bEARER"), good.replace(' ', "  ")] {
        assert_eq!(authorize(portal, &spelling).await, allowed, "{spelling}");
    }

    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let cookie = visitor.cookie("__Host-session").expect("a session");
    let token = good.strip_prefix("Bearer ").expect("a token");
    let (_, secret) = token.split_once('.').expect("an account and a secret");
    let colleague = Person::new().account;
    for invalid in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        token.into(),
        format!("Basic {token}"),
        format!("Bearer {cookie}"),
        format!("Bearer {secret}"),
        format!("Bearer {colleague}.{secret}"),
        format!("Bearer {}.{}", person.account, "A".repeat(43)),
        format!("{good},{good}"),
        good.to_uppercase(),
    ] {
        assert_eq!(authorize(portal, &invalid).await, denied(), "{invalid}");
    }
    let mut cookies = event(None);
    cookies["cookies"] = json!([format!("__Host-session={cookie}"), format!("__Host-session={token}")]);
    for invalid in [event(None), cookies, json!({}), json!({ "headers": { "authorization": [good] } })] {
        assert_eq!(portal.invoke("authorizer", &invalid).await, Some(denied()), "{invalid}");
    }
}

#[tokio::test]
async fn authorizer_refuses_revoked_sessions() {
    let portal = &Portal::start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(portal, &person, "oie7").await;

    let signed_out = bearer(&portal.visitor(), &person, "oie7").await;
    assert_eq!(authorize(portal, &signed_out).await["isAuthorized"], true);
    portal.visitor().send("DELETE", "/api/session", &[("authorization", &signed_out)], "").await.expect(204, "");
    assert_eq!(authorize(portal, &signed_out).await, denied(), "after signing out");

    let reset = bearer(&portal.visitor(), &person, "oie7").await;
    assert_eq!(authorize(portal, &reset).await["isAuthorized"], true);
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    visitor.reset(mail.token(), "abc2").await.expect(204, "");
    assert_eq!(authorize(portal, &reset).await, denied(), "after a reset");

    let deactivated = bearer(&portal.visitor(), &person, "abc2").await;
    assert_eq!(authorize(portal, &deactivated).await["isAuthorized"], true);
    let (_, output) = portal.import(&person.line(false));
    assert_eq!(authorize(portal, &deactivated).await, denied(), "after a deactivation: {output}");
}

#[tokio::test]
async fn authorizer_fails_closed() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    let good = bearer(&visitor, &person, "oie7").await;
    for table in ["Sessions", "Credentials"] {
        portal.fail_table(table, &[]);
        // The gateway responds with 500.
        assert_eq!(portal.invoke("authorizer", &event(Some(&good))).await, None, "{table}");
        portal.clear_faults();
        assert_eq!(authorize(&portal, &good).await["isAuthorized"], true, "{table}");
    }
}
