//! Fault injection on a running stack.

use crate::mailbox::Mail;
use crate::portal::Portal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

impl Portal {
    /// Makes AWS calls fail according to rules (`infra/local/src/faults.rs`), until [`Self::clear_faults`].
    pub fn inject_faults(&self, rules: &Value) {
        let (file, part) = (self.setup().data().join("faults.json"), self.setup().data().join("faults.part"));
        std::fs::write(&part, rules.to_string()).expect("the rules are written");
        std::fs::rename(part, file).expect("the rules are there");
    }

    /// Makes the calls on a table fail: those of some operations, or all.
    pub fn fail_table(&self, table: &str, operations: &[&str]) {
        let physical = self.stack()["tables"][table].as_str().expect("a table").to_owned();
        let rule = |operation: Option<&&str>| json!({ "service": "dynamodb", "operation": operation, "match": physical, "mode": "500" });
        let rules =
            if operations.is_empty() { vec![rule(None)] } else { operations.iter().map(|it| rule(Some(it))).collect() };
        self.inject_faults(&json!(rules));
    }

    /// Ends the next function process that reaches this failpoint (`functions/shared/platform/src/failpoint.rs`):
    /// `kill` or `panic`. With the prefix `always `, it ends every process that does.
    pub fn set_failpoint(&self, point: &str, action: &str) {
        std::fs::write(self.failpoints().join(point), action).expect("a failpoint");
    }

    /// Whether a process reached the failpoint, which deletes its file.
    #[must_use]
    pub fn reached_failpoint(&self, point: &str) -> bool {
        !self.failpoints().join(point).exists()
    }

    /// Removes all failpoints, but not the clocks.
    pub fn clear_failpoints(&self) {
        for entry in std::fs::read_dir(self.failpoints()).expect("a folder").filter_map(Result::ok) {
            if !entry.file_name().to_string_lossy().starts_with("clock") {
                std::fs::remove_file(entry.path()).expect("a failpoint");
            }
        }
    }

    /// Shifts the clock of all processes of a function, in seconds.
    pub fn move_clock(&self, function: &str, seconds: i64) {
        let (file, part) = (format!("clock.{function}"), self.failpoints().join("clock.part"));
        std::fs::write(&part, seconds.to_string()).expect("a clock");
        std::fs::rename(part, self.failpoints().join(file)).expect("a clock");
    }

    fn failpoints(&self) -> PathBuf {
        let folder = self.setup().data().join("failpoints");
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Runs the mailer's sweep. Returns whether it succeeded.
    pub async fn sweep(&self) -> bool {
        self.invoke("mailer", &json!({ "source": "aws.events", "detail-type": "Scheduled Event" })).await.is_some()
    }

    /// Makes SES send a delivery event about an email, such as `bounce` (`infra/local/src/aws/ses_event.rs`).
    pub async fn send_ses_event(&self, mail: &Mail, event: &str) {
        let url = format!("{}/_local/mail/{}/{event}", self.url(), mail.id);
        let response = reqwest::Client::new().post(url).send().await.expect("the local SES");
        assert_eq!(response.status(), 204, "{event}");
    }

    /// The number of calls per function and AWS operation, by keys such as `MailerFunction ses SendEmail`.
    pub async fn calls(&self) -> BTreeMap<String, u64> {
        let aws = self.stack()["aws"].as_str().expect("the address of the AWS services").to_owned();
        reqwest::get(format!("{aws}/_local/calls")).await.expect("the calls").json().await.expect("JSON")
    }

    pub fn clear_faults(&self) {
        // The file may be gone already.
        let _ = std::fs::remove_file(self.setup().data().join("faults.json"));
    }
}
