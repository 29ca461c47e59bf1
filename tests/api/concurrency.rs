//! Many users at once, as at the start of a shift.

use futures_util::future::join_all;
use guichet_tests::{Person, Portal};

#[tokio::test]
async fn fifty_users_complete_the_journey_concurrently() {
    let portal = &Portal::start();
    let people: Vec<_> = (0..50).map(|_| Person::new()).collect();
    join_all(people.iter().enumerate().map(|(n, person)| async move {
        let visitor = portal.visitor().with_retries();
        let password = format!("equipe{n}");
        visitor.sign_up(portal, person, &password).await;
        visitor.sign_in(&person.account, &password).await.expect(200, "");
        let session = visitor.get("/api/session").await.expect(200, "").json();
        assert_eq!(session["account"], person.account);
        visitor.delete("/api/session").await.expect(204, "");
    }))
    .await;
}
