//! `cargo admin`: the directory follows its export, and a restored table comes back.

use guichet_tests::{Person, Setup};

#[tokio::test]
async fn the_directory_follows_its_export_and_a_bad_line_hurts_no_other() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let line = person.line(true);

    let (code, said) = portal.import(&line);
    assert_eq!((code, said.trim()), (Some(0), "0 added, 0 changed, 1 unchanged, 0 refused"));

    let lines = format!(
        "nouveau,nouveau@sante.example,Zoé,Neuve,fr,oui\n,x@y.example,X,Y,fr,oui\n{line}nouveau,,Zoé,Neuve,fr,oui\n"
    );
    let (code, said) = portal.import(&lines);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("1 added, 0 changed, 1 unchanged, 2 refused"), "{said}");
    assert!(said.contains("refused, line 3: compte \"\"") && said.contains("refused, line 5: "), "{said}");

    let newcomer = Person { account: "nouveau".into(), email: "nouveau@sante.example".into(), ..person };
    visitor.become_a_user(&portal, &newcomer, "oie7").await;
    visitor.sign_in("nouveau", "oie7").await.expect(200, "");
}

#[tokio::test]
async fn a_deactivation_ends_sessions_and_links_for_good() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.become_a_user(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = portal.mail_number(3, &person).await;

    let (_, said) = portal.import(&person.line(false));
    assert_eq!(said.trim(), "0 added, 1 changed, 0 unchanged, 0 refused");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.check(mail.token()).await.expect(410, "link-used");
    visitor.reset(mail.token(), "abc2").await.expect(410, "link-used");
    visitor.sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");

    // Back again: the password is still theirs, but nothing that was open before comes back.
    let (_, said) = portal.import(&person.line(true));
    assert_eq!(said.trim(), "0 added, 1 changed, 0 unchanged, 0 refused");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.check(mail.token()).await.expect(410, "link-used");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn a_mailbox_that_a_colleague_shares_gets_no_link_whichever_file_named_whom() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let (code, said) = portal.import(&format!("intrus,{},Igor,Intrus,fr,oui\n", person.email));
    assert_eq!(code, Some(0), "{said}");
    for account in [&person.account, "intrus"] {
        visitor.register(account).await.expect(202, "");
    }
    loop {
        let requests = portal.items("MailRequests").await;
        if requests.iter().filter(|request| request["status"]["S"] == "shared-mailbox").count() == 2 {
            break;
        }
        assert!(
            requests.iter().all(|request| !matches!(request["status"]["S"].as_str(), Some("sent" | "delivered"))),
            "{requests:#?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(portal.mails_to(&person.email).await.is_empty());

    // Once the other has an address of their own, both get mail again.
    let (_, said) = portal.import("intrus,igor@sante.example,Igor,Intrus,fr,oui\n");
    assert_eq!(said.trim(), "0 added, 1 changed, 0 unchanged, 0 refused");
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.mail_number(1, &person).await;
}

#[test]
fn what_is_no_export_is_refused_whole_with_a_sentence() {
    let portal = Setup::new().start();
    let (code, said) = portal.admin(&["import", "/nowhere/personnel.csv"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("/nowhere/personnel.csv cannot be read"), "{said}");
    let nowhere = Setup::new();
    let output = std::process::Command::new(guichet_tests::binary("guichet-admin"))
        .args(["import", "/nowhere/personnel.csv", "--data"])
        .arg(nowhere.data())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_restore_brings_the_passwords_of_then_back_and_nothing_else_of_then_or_since_is_good() {
    let portal = Setup::new().start();
    let [person, newcomer] = [Person::new(), Person::new()];
    let visitor = portal.visitor();
    visitor.become_a_user(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.request_reset(&person.account).await.expect(202, "");
    let link = portal.mail_number(3, &person).await;
    // What DynamoDB would make of a backup: another table, with the items of then.
    let restored = portal.copy_of_table("Credentials").await;

    let since = portal.visitor();
    since.reset(link.token(), "abc2").await.expect(204, "");
    since.sign_in(&person.account, "abc2").await.expect(200, "");
    since.become_a_user(&portal, &newcomer, "oie7").await;

    let (code, said) = portal.admin(&["restore", "Credentials", "--from", &restored]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("accounts copied back") && said.contains("links ended"), "{said}");
    for visitor in [&visitor, &since] {
        visitor.get("/api/session").await.expect(401, "not-signed-in");
    }
    visitor.check(link.token()).await.expect(404, "link-unknown");
    portal.visitor().sign_in(&person.account, "abc2").await.expect(401, "invalid-credentials");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    assert_eq!(portal.visitor().sign_in("personne", "oie7").await.status, 401);

    // Again, and a session of in between is over as well.
    let between = portal.visitor();
    between.sign_in(&person.account, "oie7").await.expect(200, "");
    let (code, said) = portal.admin(&["restore", "Credentials", "--from", &restored]);
    assert_eq!(code, Some(0), "{said}");
    between.get("/api/session").await.expect(401, "not-signed-in");
    let version = portal.credentials(&person.account).await["version"]["N"].clone();
    assert!(version.as_str().unwrap().parse::<u64>().unwrap() > 2_000_000, "{version}");
}
