//! `cargo admin import` and `restore`.

use guichet_tests::{Person, Portal, Setup};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::test]
async fn import_synchronizes_and_reports_bad_lines() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let line = person.line(true);

    let (code, output) = portal.import(&line);
    assert_eq!((code, output.trim()), (Some(0), "0 added, 0 changed, 1 unchanged, 0 refused"));

    let lines = format!(
        "nouveau,nouveau@sante.example,Zoé,Neuve,fr,oui\n,x@y.example,X,Y,fr,oui\n{line}nouveau,,Zoé,Neuve,fr,oui\n"
    );
    let (code, output) = portal.import(&lines);
    assert_eq!(code, Some(2), "{output}");
    assert!(output.contains("1 added, 0 changed, 1 unchanged, 2 refused"), "{output}");
    assert!(output.contains("refused, line 3: compte \"\"") && output.contains("refused, line 5: "), "{output}");

    let newcomer = Person { account: "nouveau".into(), email: "nouveau@sante.example".into(), ..person };
    visitor.sign_up(&portal, &newcomer, "oie7").await;
    visitor.sign_in("nouveau", "oie7").await.expect(200, "");
}

#[tokio::test]
async fn deactivation_revokes_sessions_and_links() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.request_reset(&person.account).await.expect(202, "");
    let mail = portal.nth_mail(3, &person).await;

    let (_, output) = portal.import(&person.line(false));
    assert_eq!(output.trim(), "0 added, 1 changed (1 deactivated), 0 unchanged, 0 refused");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.check(mail.token()).await.expect(410, "link-used");
    visitor.reset(mail.token(), "abc2").await.expect(410, "link-used");
    visitor.sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");

    // After reactivation the password still works, but earlier sessions and links stay revoked.
    let (_, output) = portal.import(&person.line(true));
    assert_eq!(output.trim(), "0 added, 1 changed, 0 unchanged, 0 refused");
    visitor.get("/api/session").await.expect(401, "not-signed-in");
    visitor.check(mail.token()).await.expect(410, "link-used");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
}

#[tokio::test]
async fn shared_mailbox_gets_no_link() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    let (code, output) = portal.import(&format!("intrus,{},Igor,Intrus,fr,oui\n", person.email));
    assert_eq!(code, Some(0), "{output}");
    for account in [&person.account, "intrus"] {
        visitor.register(account).await.expect(202, "");
    }
    let both_are_refused = async || {
        let requests = portal.items("MailRequests").await;
        let with_status = |statuses: &[&str]| {
            let so = |it: &&serde_json::Value| statuses.iter().any(|status| it["status"]["S"] == *status);
            requests.iter().filter(so).count()
        };
        assert_eq!(with_status(&["sent", "delivered"]), 0, "{requests:#?}");
        (with_status(&["shared-mailbox"]) == 2).then_some(())
    };
    portal.until("neither gets a mail", both_are_refused).await;
    assert!(portal.mails_to(&person.email).await.is_empty(), "a shared mailbox gets no link");

    // Once the addresses differ, both get links again.
    let (_, output) = portal.import("intrus,igor@sante.example,Igor,Intrus,fr,oui\n");
    assert_eq!(output.trim(), "0 added, 1 changed, 0 unchanged, 0 refused");
    visitor.request_reset(&person.account).await.expect(202, "");
    portal.nth_mail(1, &person).await;
}

#[test]
fn import_refuses_missing_file_with_clear_error() {
    let portal = Setup::new().start();
    let (code, output) = portal.admin(&["import", "/nowhere/personnel.csv"]);
    assert_eq!(code, Some(1));
    assert!(output.contains("cannot read /nowhere/personnel.csv"), "{output}");
    let nowhere = Setup::new();
    let output = std::process::Command::new(guichet_tests::admin_binary())
        .args(["import", "/nowhere/personnel.csv", "--data"])
        .arg(nowhere.data())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

/// The directory and the credentials by table and account, without the time of the import.
async fn stored_directory(portal: &Portal) -> BTreeMap<String, Value> {
    let mut stored_directory = BTreeMap::new();
    for table in ["Directory", "Credentials"] {
        for mut item in portal.items(table).await {
            item.as_object_mut().expect("an item").remove("imported_at");
            stored_directory.insert(format!("{table} {}", item["account"]["S"]), item);
        }
    }
    stored_directory
}

/// Imports these bytes with these arguments; returns the exit code and the output.
fn import(portal: &Portal, bytes: &[u8], words: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("personnel.csv");
    std::fs::write(&file, bytes).expect("a file");
    portal.admin(&[&["import", file.to_str().expect("a path")], words].concat())
}

#[tokio::test]
async fn import_accepts_spreadsheets_and_dry_run() {
    let portal = Setup::new().start();
    let person = Person::new();
    // Windows-1252, as Excel saves "CSV (séparateur : point-virgule)".
    let text = format!(
        "Identifiant;Adresse courriel;Pr\u{e9}nom;Nom de famille;Langue;Actif;Poste\r\n\
         coteleae;lea.cote@sante.example;\"L\u{e9}a\";C\u{f4}t\u{e9};Fran\u{e7}ais;VRAI;4012\r\n\
         {};nouvelle@sante.example;Marie-\u{c8}ve;{};fr;1;\r\n",
        person.account, person.family_name
    );
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let before = stored_directory(&portal).await;
    let (code, output) = import(&portal, &bytes, &["--dry-run"]);
    assert_eq!(code, Some(0), "{output}");
    for line in [
        "read as windows-1252".to_owned(),
        "+ coteleae  courriel: lea.cote@sante.example  prenom: Léa  nom: Côté  langue: fr  actif: oui".to_owned(),
        format!("~ {}  courriel: {:?} -> \"nouvelle@sante.example\"", person.account, person.email),
        "1 added, 1 changed, 0 unchanged, 0 refused".to_owned(),
    ] {
        assert!(output.contains(&line), "{line}: {output}");
    }
    assert!(stored_directory(&portal).await == before, "a dry run writes nothing");
    let (_, summary) = import(&portal, &bytes, &["--dry-run", "--json"]);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(
        (&summary["added"], &summary["differences"][0]["account"]),
        (&json!(1), &json!(person.account)),
        "{summary}"
    );

    let (code, output) = import(&portal, &bytes, &[]);
    assert_eq!(code, Some(0), "{output}");
    let (_, output) = import(&portal, &bytes, &[]);
    assert!(output.contains("0 added, 0 changed, 2 unchanged"), "{output}");
    let lea = Person { account: "coteleae".into(), email: "lea.cote@sante.example".into(), ..Person::new() };
    portal.visitor().sign_up(&portal, &lea, "oie7").await;
}

#[tokio::test]
async fn import_stops_before_mass_deactivation() {
    let portal = Setup::new().start();
    let before = stored_directory(&portal).await;
    let entries = before.iter().filter(|(name, _)| name.starts_with("Directory ")).map(|(_, item)| item);
    let header = "compte,courriel,prenom,nom,langue,actif\n";
    let line = |item: &Value, active: bool| {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
        let active = if active { "oui" } else { "non" };
        let parts = ["account", "email", "given_name", "family_name", "language"].map(text).join(",");
        format!("{parts},{active}\n")
    };
    let active: Vec<_> = entries.filter(|item| item["active"]["BOOL"] == true).collect();
    let many = active.len() / 20 + 1;
    let all_but = |left: usize| active.iter().skip(left).map(|item| line(item, true)).collect::<String>();

    // More than 5 % deactivated, explicitly or by omission.
    let said_to_leave: String = active.iter().take(many).map(|item| line(item, false)).collect();
    for (text, words) in
        [(format!("{header}{said_to_leave}"), &[][..]), (format!("{header}{}", all_but(many)), &["--complete"])]
    {
        let (code, output) = import(&portal, text.as_bytes(), &[words, &["--dry-run"]].concat());
        assert!(code == Some(4) && output.lines().filter(|line| line.starts_with("- ")).count() == many, "{output}");
        let (code, output) = import(&portal, text.as_bytes(), words);
        assert!(
            code == Some(4) && output.contains(&format!("{many} of {} active", active.len())),
            "{code:?}: {output}"
        );
        assert!(stored_directory(&portal).await == before, "nothing is written");
    }
    // A refused line may belong to a missing account.
    let (code, output) = import(&portal, format!("{header}{},x\n", all_but(2)).as_bytes(), &["--complete"]);
    assert!(code == Some(2) && output.contains("2 accounts missing from the file were not deactivated"), "{output}");
    assert!(stored_directory(&portal).await == before, "nothing is written");

    // Two accounts are missing, and one person has a new account.
    let text = |name: &str| active[0][name]["S"].as_str().unwrap().to_owned();
    let renamed = format!("autrenom,{},{},{},fr,oui\n", text("email"), text("given_name"), text("family_name"));
    let (code, output) = import(&portal, format!("{header}{}{renamed}", all_but(2)).as_bytes(), &["--complete"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains(&format!("renamed: {} -> autrenom", text("account"))), "{output}");
    assert!(output.contains("1 added, 2 changed (2 deactivated)"), "{output}");
    let after = stored_directory(&portal).await;
    for item in &active[..2] {
        let credentials = &after[&format!("Credentials {}", item["account"]["S"])];
        assert_eq!((&credentials["active"]["BOOL"], &credentials["version"]["N"]), (&json!(false), &json!("1")));
    }
    let autre = &after["Directory \"autrenom\""];
    assert_eq!(autre["shared_mailbox"]["BOOL"], false, "an inactive account does not make a mailbox shared: {autre}");

    let (code, output) = import(&portal, format!("{header}{said_to_leave}").as_bytes(), &["--allow-deactivations"]);
    assert_eq!(code, Some(0), "{output}");
}

#[tokio::test]
async fn interrupted_import_is_completed_by_the_next() {
    let people: Vec<_> = (0..5).map(|_| Person::new()).collect();
    // Accounts outside the file: one shares an address that the file releases, another has an address that the file
    // takes.
    let first = format!("{},{},Léo,Autre,fr,oui\n", people[4].account, people[2].email);
    let lines = format!(
        "{},{},Autre,Prenom,fr,oui\n{}{},{},Jo,Partage,en,oui\nnouveau,nouveau@sante.example,Zoé,Neuve,fr,oui\n",
        people[0].account,
        people[0].email,
        people[1].line(false),
        people[2].account,
        people[3].email,
    );
    let whole = Setup::new().start();
    let (code, output) = whole.import(&first);
    assert_eq!(code, Some(0), "{output}");
    let (code, output) = whole.import(&lines);
    assert_eq!(code, Some(0), "{output}");
    let expected = stored_directory(&whole).await;

    let portal = Setup::new().start();
    let (code, output) = portal.import(&first);
    assert_eq!(code, Some(0), "{output}");
    let before = stored_directory(&portal).await;
    let back = |stored_directory: &BTreeMap<String, Value>| -> Vec<(String, Value)> {
        stored_directory.iter().map(|(name, item)| (name.split(' ').next().unwrap().to_owned(), item.clone())).collect()
    };
    let mut interrupted = 0;
    for nth in 1.. {
        // Restore the initial state.
        for (table, item) in back(&before) {
            portal.dynamodb("PutItem", &table, json!({ "Item": item })).await;
        }
        for table in ["Directory", "Credentials"] {
            portal.dynamodb("DeleteItem", table, json!({ "Key": { "account": { "S": "nouveau" } } })).await;
        }
        let mode = json!({ "error": { "status": 400, "kind": "ValidationException" } });
        let at = |operation: &str, nth: &[u64]| json!({ "service": "dynamodb", "operation": operation, "nth": nth, "mode": mode });
        let updates = 3;
        let rule = if nth <= updates { at("UpdateItem", &[nth]) } else { at("BatchWriteItem", &[nth - updates]) };
        portal.inject_faults(&json!([rule]));
        let (code, output) = portal.import(&lines);
        portal.clear_faults();
        if code == Some(0) {
            break;
        }
        interrupted += 1;
        assert!(code == Some(1) && output.contains("ValidationException"), "{code:?}: {output}");
        let (code, output) = portal.import(&lines);
        assert_eq!(code, Some(0), "{output}");
        assert!(stored_directory(&portal).await == expected, "after an interruption at {rule}");
        let (_, output) = portal.import(&lines);
        assert!(output.contains("0 added, 0 changed, 4 unchanged"), "{output}");
    }
    // Writes: three changed and one new account, their entries, the entry that shares an address, and the import time.
    assert_eq!(interrupted, 7);
}

#[tokio::test]
async fn restore_revives_passwords_and_revokes_everything_else() {
    let portal = Setup::new().start();
    let [person, newcomer] = [Person::new(), Person::new()];
    let visitor = portal.visitor();
    visitor.sign_up(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    visitor.request_reset(&person.account).await.expect(202, "");
    let link = portal.nth_mail(3, &person).await;
    // A restore from a backup creates another table with the old items.
    let restored = portal.copy_table("Credentials").await;

    let since = portal.visitor();
    since.reset(link.token(), "abc2").await.expect(204, "");
    since.sign_in(&person.account, "abc2").await.expect(200, "");
    since.sign_up(&portal, &newcomer, "oie7").await;

    let (code, output) = portal.admin(&["restore", "Credentials", "--from", &restored]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("accounts copied") && output.contains("links deleted"), "{output}");
    for visitor in [&visitor, &since] {
        visitor.get("/api/session").await.expect(401, "not-signed-in");
    }
    visitor.check(link.token()).await.expect(404, "link-unknown");
    portal.visitor().sign_in(&person.account, "abc2").await.expect(401, "invalid-credentials");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    assert_eq!(portal.visitor().sign_in("personne", "oie7").await.status, 401);

    // Again, after the table was lost, so that no item shows the versions of the first restore.
    let between = portal.visitor();
    between.sign_in(&person.account, "oie7").await.expect(200, "");
    for item in portal.items("Credentials").await {
        portal.dynamodb("DeleteItem", "Credentials", json!({ "Key": { "account": item["account"] } })).await;
    }
    between.get("/api/session").await.expect(401, "not-signed-in");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");
    // A restore derives versions from the time in seconds, so the next one must be in a later second.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let (code, output) = portal.admin(&["restore", "Credentials", "--from", &restored]);
    assert_eq!(code, Some(0), "{output}");
    between.get("/api/session").await.expect(401, "not-signed-in");
    portal.visitor().sign_in(&person.account, "oie7").await.expect(200, "");
    let version = portal.credentials(&person.account).await["version"]["N"].clone();
    assert!(version.as_str().unwrap().parse::<u64>().unwrap() > 2_000_000, "{version}");
}
