//! What fails on demand.

use crate::mailbox::Mail;
use crate::portal::Portal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

impl Portal {
    /// Lets calls fail as these rules say (`infra/local/src/faults.rs`), until [`Self::mend`].
    pub fn fail(&self, rules: &Value) {
        let (file, part) = (self.setup().data().join("faults.json"), self.setup().data().join("faults.part"));
        std::fs::write(&part, rules.to_string()).expect("the rules are written");
        std::fs::rename(part, file).expect("the rules are there");
    }

    /// Lets the calls of an operation, or all, fail that name this table.
    pub fn fail_table(&self, table: &str, operations: &[&str]) {
        let physical = self.stack()["tables"][table].as_str().expect("a table").to_owned();
        let rule = |operation: Option<&&str>| json!({ "service": "dynamodb", "operation": operation, "match": physical, "mode": "500" });
        let rules =
            if operations.is_empty() { vec![rule(None)] } else { operations.iter().map(|it| rule(Some(it))).collect() };
        self.fail(&json!(rules));
    }

    /// Ends the next process of a function that comes to this point (`functions/shared/platform/src/failpoint.rs`): `kill`, or
    /// `panic`; with `always ` before it, every one.
    pub fn set_failpoint(&self, point: &str, how: &str) {
        std::fs::write(self.rehearsal().join(point), how).expect("it is asked for");
    }

    /// Whether a point was come to, which takes away what was asked for.
    #[must_use]
    pub fn has_failpoint(&self, point: &str) -> bool {
        !self.rehearsal().join(point).exists()
    }

    /// Nobody is ended any more.
    pub fn clear_failpoints(&self) {
        for entry in std::fs::read_dir(self.rehearsal()).expect("a folder").filter_map(Result::ok) {
            if !entry.file_name().to_string_lossy().starts_with("clock") {
                std::fs::remove_file(entry.path()).expect("what was asked for");
            }
        }
    }

    /// Lets all processes of a function take it to be so many seconds later than it is.
    pub fn move_clock(&self, function: &str, seconds: i64) {
        let (file, part) = (format!("clock.{function}"), self.rehearsal().join("clock.part"));
        std::fs::write(&part, seconds.to_string()).expect("a clock");
        std::fs::rename(part, self.rehearsal().join(file)).expect("a clock");
    }

    fn rehearsal(&self) -> PathBuf {
        let folder = self.setup().data().join("failpoints");
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Lets the mailer look for what is due, as each minute does. Whether it came to its end.
    pub async fn sweep(&self) -> bool {
        self.invoke("mailer", &json!({ "source": "aws.events", "detail-type": "Scheduled Event" })).await.is_some()
    }

    /// Lets SES tell something of a mail: a name of `infra/local/src/aws/ses_event.rs`, such as `bounce`.
    pub async fn send_ses_event(&self, mail: &Mail, event: &str) {
        let url = format!("{}/_local/mail/{}/{event}", self.url(), mail.id);
        let told = reqwest::Client::new().post(url).send().await.expect("SES tells");
        assert_eq!(told.status(), 204, "{event}");
    }

    /// How often each function called each operation of AWS, as `MailerFunction ses SendEmail`.
    pub async fn calls(&self) -> BTreeMap<String, u64> {
        let aws = self.stack()["aws"].as_str().expect("the address of the AWS services").to_owned();
        reqwest::get(format!("{aws}/_local/calls")).await.expect("the calls").json().await.expect("JSON")
    }

    /// All goes on.
    pub fn clear_faults(&self) {
        // What is mended already is.
        let _ = std::fs::remove_file(self.setup().data().join("faults.json"));
    }
}
