//! All flows with secrets long enough to find in any encoding.

use guichet_tests::{Person, Setup};
use serde_json::json;

#[tokio::test]
async fn tables_and_logs_leak_no_secrets() {
    let portal = Setup::new().start();
    let (person, visitor, stranger) = (Person::new(), portal.visitor(), portal.untrusted_visitor());
    let [first, second, third] = ["Premiere phrase 1 ÿ", "Deuxieme phrase 2 ?>", "Troisieme phrase 3 ~"];
    visitor.sign_up(&portal, &person, first).await;
    visitor.sign_in(&person.account, first).await.expect(200, "");
    stranger.sign_in(&person.account, "Mauvaise phrase 4").await.expect(401, "invalid-credentials");
    stranger.sign_in("personne-ne-porte-ce-nom", "Mauvaise phrase 5").await.expect(401, "invalid-credentials");
    let bearer = json!({ "account": person.account, "password": first, "transport": "bearer" });
    let token = visitor.post("/api/login", bearer).await.expect(200, "").json()["token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    visitor.send("GET", "/api/events", &[("authorization", &bearer)], "").await.expect(200, "");
    visitor.sign_in(&person.account, first).await.expect(200, "");
    let change = json!({ "current": first, "password": second, "confirmation": second });
    visitor.post("/api/password", change).await.expect(204, "");
    portal.nth_mail(3, &person).await;

    stranger.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(4, &person).await;
    stranger.check(mail.token()).await.expect(200, "");
    stranger.reset(mail.token(), "phrase sans chiffre").await.expect(422, "password-refused");
    let differing = json!({ "token": mail.token(), "password": third, "confirmation": second });
    stranger.post("/api/reset", differing).await.expect(422, "confirmation-differs");
    stranger.reset(mail.token(), third).await.expect(204, "");
    visitor.post("/api/find-account", json!({ "email": person.email })).await.expect(200, "");
    stranger.post("/api/find-account", json!({ "email": person.email })).await.expect(403, "network-not-managed");
    // When the stack stops, the harness searches its tables and logs for these secrets.
}
