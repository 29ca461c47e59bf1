//! Table outages: sign-in fails closed, valid sessions and links are not called invalid, and everything recovers
//! unattended.

use futures_util::future::join_all;
use guichet_tests::{ApiResponse, Person, Portal, Setup, Visitor};

fn unavailable(response: &ApiResponse, about: &str) {
    assert_eq!((response.status.as_u16(), response.header("set-cookie")), (503, ""), "{about}: {response:?}");
    let wait: u32 = response.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{about}: {wait} s");
    assert_eq!(response.json()["code"], "unavailable", "{about}");
}

#[tokio::test]
async fn table_outage_fails_closed_and_recovers_unattended() {
    // Each outage waits for retries, so they run concurrently, each on a stack of its own.
    let outages = [
        // Reads and writes fail, or only the writes.
        ("Throttles", [].as_slice()),
        ("Throttles", &["UpdateItem", "TransactWriteItems"]),
        ("Credentials", &[]),
        ("Devices", &[]),
        ("Sessions", &[]),
        ("Sessions", &["TransactWriteItems"]),
    ];
    join_all(outages.map(|(table, operations)| table_outage(table, operations))).await;
}

async fn table_outage(table: &str, operations: &[&str]) {
    let portal = Setup::new().start();
    let (person, owner) = signed_in(&portal).await;
    let about = format!("{table} {operations:?}");
    portal.fail_table(table, operations);
    for visitor in [portal.visitor(), portal.untrusted_visitor()] {
        unavailable(&visitor.sign_in(&person.account, "oie7").await, &about);
        for account in [person.account.as_str(), "personne"] {
            let response = visitor.sign_in(account, "faux1").await;
            // A password that could not be verified is not called wrong.
            if ["Throttles", "Credentials"].contains(&table) {
                unavailable(&response, &about);
            } else {
                response.expect(401, "invalid-credentials");
            }
        }
        visitor.get("/api/session").await.expect(401, "not-signed-in");
    }
    if ["Sessions", "Credentials"].contains(&table) && operations.is_empty() {
        unavailable(&owner.get("/api/session").await, &about);
    }
    portal.clear_faults();
    portal.delete_counters("").await;
    owner.get("/api/session").await.expect(200, "");
    portal.visitor().sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn link_survives_table_outages() {
    let portal = Setup::new().start();
    let (person, owner) = signed_in(&portal).await;
    owner.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;
    for table in ["Tokens", "Credentials", "MailRequests", "Throttles"] {
        portal.fail_table(table, &[]);
        unavailable(&portal.visitor().reset(mail.token(), "abc2").await, table);
        portal.clear_faults();
        owner.get("/api/session").await.expect(200, "");
        portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    }
    portal.visitor().reset(mail.token(), "abc2").await.expect(204, "");
    portal.visitor().sign_in(&person.account, "abc2").await.expect(200, "");
}

async fn signed_in(portal: &Portal) -> (Person, Visitor) {
    let (person, owner) = (Person::new(), portal.visitor());
    owner.sign_up(portal, &person, "oie7").await;
    owner.sign_in(&person.account, "oie7").await.expect(200, "");
    (person, owner)
}
