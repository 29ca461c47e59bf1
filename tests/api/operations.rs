//! Operations: one correlation id from the request to the email, and the metrics that alarms watch.

use guichet_tests::{Person, Setup};
use serde_json::Value;
use std::collections::BTreeSet;

/// The JSON lines of a function's log.
fn lines(data: &std::path::Path, function: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(data.join(format!("logs/{function}.log"))).expect("a log");
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn log_id_follows_request_to_email_and_metrics_are_emitted() {
    let portal = Setup::new().start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");
    let data = portal.setup().data();
    let word_in = |function: &str, message: &str| {
        let lines = lines(data, function);
        let line = lines.iter().find(|line| line["fields"]["message"] == message);
        line.unwrap_or_else(|| panic!("{message}: {lines:#?}"))["fields"]["mail.request"].as_str().unwrap().to_owned()
    };
    let word = word_in("register", "link requested");
    assert_eq!(word_in("mailer", "mail request finished"), word);
    let mails = std::fs::read_to_string(data.join("mail.jsonl")).unwrap();
    let tags = &serde_json::from_str::<Value>(mails.lines().next().unwrap()).unwrap()["tags"];
    let (name, request) = (tags["account"].as_str().unwrap(), tags["request"].as_str().unwrap());
    assert_eq!(format!("{}.{request}", &name[..12]), word, "the id in the SES tags");

    // CloudWatch extracts metrics from these log lines.
    let mut measured = BTreeSet::new();
    for line in ["login", "mailer"].iter().flat_map(|function| lines(data, function)) {
        let Some(definition) = line.pointer("/_aws/CloudWatchMetrics/0") else { continue };
        assert_eq!((&definition["Namespace"], &definition["Dimensions"][0][0]), (&"Guichet".into(), &"Stack".into()));
        let name = definition["Metrics"][0]["Name"].as_str().unwrap();
        assert!(line[name].is_u64() && line["_aws"]["Timestamp"].is_u64(), "{line}");
        assert!(line["Stack"].as_str().unwrap().starts_with("guichet-"), "{line}");
        measured.insert(name.to_owned());
    }
    for name in ["SignedIn", "SignInRefused", "EmailsSent"] {
        assert!(measured.contains(name), "{name} is not among {measured:?}");
    }
}

#[test]
fn every_alarm_has_a_metric_and_a_guide_section() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (template, measured, guide) =
        (read("infra/template.yaml"), read("functions/shared/platform/src/metrics.rs"), read("infra/README.md"));
    let mut alarms = 0;
    for alarm in template.split("\n  ").collect::<Vec<_>>().join("\n").split("Type: AWS::CloudWatch::Alarm").skip(1) {
        alarms += 1;
        let value =
            |name: &str| alarm.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_default().trim();
        if value("Namespace:") == "Guichet" {
            assert!(measured.contains(&format!("(\"{}\", ", value("MetricName:"))), "{}", value("MetricName:"));
        }
        let name = value("AlarmDescription:").trim_end_matches('.').rsplit(' ').next().unwrap();
        assert!(guide.contains(&format!("### {name}\n")), "infra/README.md has no section {name}");
    }
    assert!(alarms >= 11, "{alarms}");
}
