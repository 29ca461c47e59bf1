//! The commands for a deployed stack. A script replaces AWS's command line; its responses have the documented form and
//! invented values.

#![expect(clippy::unwrap_used, reason = "a failed expectation fails the test")]

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Answers `aws SERVICE OPERATION …` from `SERVICE-OPERATION.json`, and logs every call. `dig` answers from `dig.txt`.
const FAKE_CLI: &str = r#"#!/bin/sh
folder=$(dirname "$0")
case "$0" in
  */dig) cat "$folder/dig.txt" ;;
  *)
    printf '%s\t' "$@" >>"$folder/calls"; echo >>"$folder/calls"
    [ -f "$folder/$1-$2.json" ] || { echo "An error occurred (AccessDenied) when calling $2" >&2; exit 254; }
    cat "$folder/$1-$2.json" ;;
esac
"#;

struct Account(TempDir);

impl Account {
    /// An account in which nothing is missing.
    fn complete() -> Self {
        let account = Self(tempfile::tempdir().unwrap());
        for program in ["aws", "dig"] {
            let path = account.0.path().join(program);
            std::fs::write(&path, FAKE_CLI).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(account.0.path().join("dig.txt"), "\"v=DMARC1; p=reject\"\n").unwrap();
        let parameter = |key: &str, value: &str| json!({"ParameterKey": key, "ParameterValue": value});
        let output = |key: &str, value: &str| json!({"OutputKey": key, "OutputValue": value, "Description": ""});
        account.respond("cloudformation-describe-stacks", &json!({"Stacks": [{
            "StackName": "guichet", "StackStatus": "CREATE_COMPLETE",
            "Parameters": [
                parameter("MailFrom", "centre@exemple.ca"), parameter("EmailsPerHour", "1000"),
                parameter("PortalUrl", "https://acces.exemple.ca"),
                parameter("CertificateArn", "arn:aws:acm:us-east-1:111122223333:certificate/1"),
            ],
            "Outputs": [
                output("SiteBucketName", "guichet-sitebucket-1"), output("SiteId", "E1EXAMPLE"), output("Release", "abc1234"),
                output("SiteUrl", "https://d1.cloudfront.net"), output("SiteSettings", r#"{"deskName": "Centre"}"#),
            ],
        }]}));
        let resource = |id: &str, kind: &str| json!({"LogicalResourceId": id, "PhysicalResourceId": format!("arn:{id}"), "ResourceType": kind});
        account.respond(
            "cloudformation-list-stack-resources",
            &json!({"StackResourceSummaries": [
                resource("PepperSecret", "AWS::SecretsManager::Secret"), resource("Alarms", "AWS::SNS::Topic"),
                resource("Tokens", "AWS::DynamoDB::Table"), resource("FailedAlarm", "AWS::CloudWatch::Alarm"),
            ]}),
        );
        account.respond(
            "sesv2-get-account",
            &json!({
                "EnforcementStatus": "HEALTHY", "ProductionAccessEnabled": true, "SendingEnabled": true,
                "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
            }),
        );
        account.respond(
            "sesv2-get-email-identity",
            &json!({
                "IdentityType": "DOMAIN", "VerifiedForSendingStatus": true, "VerificationStatus": "SUCCESS",
                "DkimAttributes": {"SigningEnabled": true, "Status": "SUCCESS"},
            }),
        );
        account.respond(
            "secretsmanager-describe-secret",
            &json!({
                "Name": "PepperSecret", "VersionIdsToStages": {"1": ["AWSPREVIOUS"], "2": ["AWSCURRENT"]},
            }),
        );
        account.respond(
            "cloudwatch-describe-alarms",
            &json!({"MetricAlarms": [
                {"AlarmName": "arn:FailedAlarm", "ActionsEnabled": true, "AlarmActions": ["arn:Alarms"]},
            ]}),
        );
        account.respond("sns-list-subscriptions-by-topic", &json!({"Subscriptions": [
            {"SubscriptionArn": "arn:aws:sns:ca-central-1:111122223333:Alarms:1", "Protocol": "email", "Endpoint": "e@exemple.ca"},
        ]}));
        account.respond(
            "acm-describe-certificate",
            &json!({"Certificate": {
                "Status": "ISSUED", "DomainName": "acces.exemple.ca", "SubjectAlternativeNames": ["acces.exemple.ca"],
            }}),
        );
        account.respond("s3api-head-object", &json!({"ContentLength": 7, "Metadata": {"release": "abc1234"}}));
        account.respond("s3api-put-object", &json!({"ETag": "\"1\""}));
        account.respond("s3api-delete-object", &json!({}));
        account.respond("s3api-list-objects-v2", &json!(["index.html", "release.txt", "scripts/gone.js"]));
        account
            .respond("cloudfront-create-invalidation", &json!({"Invalidation": {"Id": "I1", "Status": "InProgress"}}));
        account
    }

    fn respond(&self, call: &str, response: &Value) {
        std::fs::write(self.0.path().join(format!("{call}.json")), response.to_string()).unwrap();
    }

    /// Changes one response.
    fn with(self, call: &str, pointer: &str, value: Value) -> Self {
        let file = self.0.path().join(format!("{call}.json"));
        let mut response: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        *response.pointer_mut(pointer).unwrap() = value;
        self.respond(call, &response);
        self
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guichet-admin"));
        let path = format!("{}:/usr/bin:/bin", self.0.path().display());
        let finished = command.args(["--stack", "guichet"]).args(arguments).env("PATH", path).output().unwrap();
        let output = [finished.stdout, finished.stderr].map(|output| String::from_utf8(output).unwrap()).concat();
        (finished.status.code(), output)
    }

    /// The arguments of each call.
    fn calls(&self) -> Vec<Vec<String>> {
        let calls = std::fs::read_to_string(self.0.path().join("calls")).unwrap_or_default();
        calls.lines().map(|line| line.split_terminator('\t').map(str::to_owned).collect()).collect()
    }
}

#[test]
fn doctor_passes_complete_account_with_read_only_calls() {
    let account = Account::complete();
    let (code, output) = account.run(&["doctor"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.lines().count() >= 10 && output.lines().all(|line| line.starts_with("ok ")), "{output}");
    for call in account.calls() {
        assert!(["describe-", "get-", "list-", "head-"].iter().any(|kind| call[1].starts_with(kind)), "{call:?}");
    }
    let (code, output) = account.run(&["doctor", "--json"]);
    let findings: Vec<Value> = serde_json::from_str(&output).unwrap();
    assert!(code == Some(0) && findings.iter().all(|finding| finding["state"] == "ok"), "{output}");
}

#[test]
fn doctor_reports_each_missing_item_with_remedy() {
    let stack = |at: &str| format!("/Stacks/0/{at}");
    for (call, pointer, value, expected) in [
        ("sesv2-get-account", "/ProductionAccessEnabled".into(), json!(false), "sandbox"),
        ("sesv2-get-account", "/SendingEnabled".into(), json!(false), "stopped"),
        ("sesv2-get-account", "/SendQuota/Max24HourSend".into(), json!(200.0), "200 emails a day"),
        ("sesv2-get-account", "/SendQuota/MaxSendRate".into(), json!(0.1), "0.1 a second"),
        ("sesv2-get-email-identity", "/VerifiedForSendingStatus".into(), json!(false), "exemple.ca is not verified"),
        ("sesv2-get-email-identity", "/DkimAttributes/Status".into(), json!("PENDING"), "DKIM"),
        ("sesv2-get-email-identity", "/DkimAttributes/SigningEnabled".into(), json!(false), "DKIM"),
        ("cloudwatch-describe-alarms", "/MetricAlarms/0/ActionsEnabled".into(), json!(false), "FailedAlarm"),
        ("cloudwatch-describe-alarms", "/MetricAlarms/0/AlarmActions".into(), json!([]), "FailedAlarm"),
        (
            "secretsmanager-describe-secret",
            "/VersionIdsToStages/2".into(),
            json!(["AWSPENDING"]),
            "PepperSecret has no",
        ),
        (
            "sns-list-subscriptions-by-topic",
            "/Subscriptions/0/SubscriptionArn".into(),
            json!("PendingConfirmation"),
            "AlarmMail",
        ),
        ("sns-list-subscriptions-by-topic", "/Subscriptions/0/SubscriptionArn".into(), json!("Deleted"), "AlarmMail"),
        ("acm-describe-certificate", "/Certificate/Status".into(), json!("PENDING_VALIDATION"), "not issued"),
        (
            "cloudformation-describe-stacks",
            stack("Parameters/2/ParameterValue"),
            json!("https://autre.exemple.ca"),
            "does not cover autre.exemple.ca",
        ),
        (
            "cloudformation-describe-stacks",
            stack("Parameters/3/ParameterValue"),
            json!(""),
            "without CertificateArn the site is",
        ),
        ("s3api-head-object", "/Metadata/release".into(), json!("0000000"), "pages are of"),
    ] {
        let (code, output) = Account::complete().with(call, &pointer, value).run(&["doctor"]);
        let missing: Vec<_> = output.lines().filter(|line| line.starts_with("missing")).collect();
        assert!(code == Some(1) && missing.len() == 1 && missing[0].contains(expected), "{expected}: {output}");
    }
    let unlimited = Account::complete().with("sesv2-get-account", "/SendQuota/Max24HourSend", json!(-1.0));
    assert_eq!(unlimited.run(&["doctor"]).0, Some(0), "-1 means no quota");
    let account = Account::complete();
    std::fs::write(account.0.path().join("dig.txt"), "").unwrap();
    let (code, output) = account.run(&["doctor"]);
    assert!(code == Some(1) && output.contains("missing  _dmarc.exemple.ca"), "{output}");
}

#[test]
fn doctor_reports_denied_checks_as_unknown() {
    let account = Account::complete();
    std::fs::remove_file(account.0.path().join("sesv2-get-account.json")).unwrap();
    let (code, output) = account.run(&["doctor"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("unknown  aws sesv2 get-account: An error occurred (AccessDenied)"), "{output}");
    assert!(output.contains("ok       the alarms have a subscriber"), "{output}");
    std::fs::remove_file(account.0.path().join("cloudformation-describe-stacks.json")).unwrap();
    let (code, output) = account.run(&["doctor"]);
    assert!(code == Some(1) && output.contains("describe-stacks"), "{output}");
}

#[test]
fn upload_sets_content_types_and_sends_pages_last() {
    let account = Account::complete();
    let (code, output) = account.run(&["site"]);
    assert_eq!(code, Some(0), "{output}");
    let after =
        |call: &[String], word: &str| call.iter().skip_while(|it| *it != word).nth(1).cloned().unwrap_or_default();
    let calls = account.calls();
    let puts: Vec<_> = calls.iter().filter(|call| call[1] == "put-object").collect();
    let keys: Vec<_> = puts.iter().map(|call| after(call, "--key")).collect();
    let at = |key: &str| keys.iter().position(|it| it == key).unwrap_or_else(|| panic!("{key} is not among {keys:?}"));
    for (key, kind) in [
        ("index.html", "text/html; charset=utf-8"),
        ("styles/base.css", "text/css; charset=utf-8"),
        ("scripts/lib/api.js", "text/javascript; charset=utf-8"),
        ("favicon.svg", "image/svg+xml; charset=utf-8"),
        ("settings.json", "application/json; charset=utf-8"),
    ] {
        let call = puts[at(key)];
        assert_eq!(
            (after(call, "--content-type").as_str(), after(call, "--cache-control").as_str()),
            (kind, "no-cache")
        );
        assert!(
            Path::new(&after(call, "--body")).is_file() && after(call, "--bucket") == "guichet-sitebucket-1",
            "{call:?}"
        );
        assert_eq!(keys.iter().filter(|it| *it == key).count(), 1, "{key}");
    }
    assert!(at("scripts/lib/api.js") < at("404.html") && at("settings.json") < at("index.html"), "{keys:?}");
    let settings = after(puts[at("settings.json")], "--body");
    assert_eq!(std::fs::read_to_string(settings).unwrap(), r#"{"deskName": "Centre"}"#);
    let page = std::fs::read_to_string(after(puts[at("index.html")], "--body")).unwrap();
    assert!(page.contains(">Centre</span>") && !page.contains(">Centre de services</span>"), "{page}");
    assert_eq!(keys.last().map(String::as_str), Some("release.txt"), "release.txt is uploaded last");
    assert!(after(puts.last().unwrap(), "--metadata").starts_with("release="), "{puts:?}");
    let gone: Vec<_> =
        calls.iter().filter(|call| call[1] == "delete-object").map(|call| after(call, "--key")).collect();
    assert_eq!(gone, ["scripts/gone.js"]);
    assert_eq!(calls.last().unwrap()[..2], ["cloudfront", "create-invalidation"]);

    let account = Account::complete();
    let (code, output) = account.run(&["site", "--dry-run"]);
    assert!(code == Some(0) && output.contains("scripts/gone.js  deleted"), "{output}");
    assert!(account.calls().iter().all(|call| ["describe-stacks", "list-objects-v2"].contains(&call[1].as_str())));
}
