//! The scenario of one fault: a stack, the people involved, and the expected outcome of their requests.

use crate::person::Person;
use crate::portal::{Portal, Setup};
use crate::visitor::{ApiResponse, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longer than the timeout of a call to SES.
const SEND_TIMEOUT: Duration = Duration::from_secs(6);
/// The stream delivers a record within this time.
const DELIVERY_TIME: Duration = Duration::from_secs(1);
/// Longer than a mailer's lease and its longest backoff, in seconds.
const STEP_SECONDS: i64 = 65;
/// Every request ends within this many steps.
const MAX_STEPS: i64 = 14;

/// A person who requested a link.
pub(crate) struct ExpectedOutcome {
    pub(crate) person: Person,
    /// The expected final status, unless an email is expected.
    pub(crate) status: Option<String>,
}

pub struct FaultScenario {
    pub portal: Portal,
    pub(crate) outcomes: Vec<ExpectedOutcome>,
    /// Accounts with a password, and how often it was set.
    pub(crate) users: BTreeMap<String, u64>,
    /// By address, the number of sends whose outcome the mailer could not know. Each allows one more email.
    pub(crate) ambiguous: BTreeMap<String, usize>,
    /// AWS calls and responses before the scenario.
    pub(crate) before: (BTreeMap<String, u64>, u64),
    clock: i64,
    spoiled: bool,
    pub(crate) sweeps: u64,
}

impl FaultScenario {
    /// A scenario on a new stack.
    pub async fn new(as_processes: bool) -> Self {
        let setup = Setup::new().with("--concurrency=2");
        Self::on(if as_processes { setup.as_processes() } else { setup }.start()).await
    }

    /// A scenario on a stack of earlier scenarios.
    pub async fn on(portal: Portal) -> Self {
        let before = (portal.calls().await, portal.secrets_used().responses().0);
        Self {
            portal,
            outcomes: Vec::new(),
            users: BTreeMap::new(),
            ambiguous: BTreeMap::new(),
            before,
            clock: 0,
            spoiled: false,
            sweeps: 0,
        }
    }

    /// A new person requests a link from the managed network.
    pub async fn request_link(&mut self) -> Person {
        let person = Person::new();
        self.portal.visitor().register(&person.account).await.expect(202, "");
        self.expect_email(&person);
        person
    }

    /// The person's request must be mailed.
    pub fn expect_email(&mut self, person: &Person) {
        self.outcomes.push(ExpectedOutcome { person: person.clone(), status: None });
    }

    /// The person's request must end with this status.
    pub fn expect_status(&mut self, person: &Person, status: &str) {
        let outcome = self.outcomes.iter_mut().rev().find(|outcome| outcome.person.account == person.account);
        outcome.expect("a person who requested a link").status = Some(status.to_owned());
    }

    /// The mailer could not know this many outcomes of the person's request.
    pub fn ambiguous(&mut self, person: &Person, count: usize) {
        self.ambiguous.insert(person.email.clone(), count);
    }

    /// A new person with the password `oie7`, and the client that set it.
    pub async fn user(&mut self) -> (Person, Visitor) {
        let (person, visitor) = (Person::new(), self.portal.visitor());
        visitor.sign_up(&self.portal, &person, "oie7").await;
        self.expect_email(&person);
        self.set_password(&person);
        (person, visitor)
    }

    /// The person's password was set once more.
    pub fn set_password(&mut self, person: &Person) {
        *self.users.entry(person.account.clone()).or_default() += 1;
    }

    /// Excludes a person from the invariants; the scenario makes its own assertions.
    pub fn exclude(&mut self, person: &Person) {
        self.outcomes.retain(|outcome| outcome.person.account != person.account);
        self.users.remove(&person.account);
    }

    /// Deletes the items with a TTL after `moment` (Unix time), which a function with a fast clock wrote.
    pub async fn delete_items_expired_before(&self, moment: i64) {
        for (table, keys) in [
            ("Sessions", ["account", "secret_hash"].as_slice()),
            ("Devices", &["account", "cookie_hash"]),
            ("Tokens", &["token_hash"]),
            ("MailRequests", &["account_key", "request"]),
            ("Events", &["account_key", "at_id"]),
            ("Throttles", &["counter"]),
        ] {
            let expires_at = |item: &Value| item["ttl"]["N"].as_str().and_then(|text| text.parse::<i64>().ok());
            for item in self.portal.items(table).await.iter().filter(|item| expires_at(item) > Some(moment)) {
                let key: serde_json::Map<_, _> =
                    keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
                self.portal.dynamodb("DeleteItem", table, json!({ "Key": key })).await;
            }
        }
    }

    /// The token of the person's first link, once it has arrived.
    pub async fn link(&self, person: &Person) -> String {
        self.portal.nth_mail(1, person).await.token().to_owned()
    }

    /// Asserts that a known and an unknown account get the same response, and returns it.
    pub async fn assert_indistinguishable(
        &self,
        known: &Person,
        act: impl AsyncFn(&Visitor, &str) -> ApiResponse,
    ) -> ApiResponse {
        let (one, other) = (self.portal.untrusted_visitor(), self.portal.untrusted_visitor());
        let (known, unknown) = (act(&one, &known.account).await, act(&other, "personne").await);
        let visible = |answer: &ApiResponse| (answer.status, answer.code(), answer.headers.contains_key("set-cookie"));
        assert_eq!(visible(&known), visible(&unknown), "the response reveals whether the account exists");
        known
    }

    /// Advances the mailer's clock and runs a sweep. Waits until running mailers have finished, because their leases
    /// would expire with the jump.
    pub async fn advance_clock(&mut self, seconds: i64) {
        let start = Instant::now();
        loop {
            let in_progress = self.in_progress().await;
            let is_sending = |it: &Value| it["status"]["S"] == "sending" && start.elapsed() < SEND_TIMEOUT;
            let is_new = |it: &Value| it["attempts"]["N"] == "0" && start.elapsed() < DELIVERY_TIME;
            if !in_progress.iter().any(|it| is_sending(it) || is_new(it)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.sweeps += 1;
        self.clock += seconds;
        self.portal.move_clock("mailer", self.clock);
        self.portal.sweep().await;
    }

    /// Advances the clock until no request is in progress.
    pub async fn drain(&mut self) {
        for _ in 0..MAX_STEPS {
            if self.in_progress().await.is_empty() {
                return;
            }
            self.advance_clock(STEP_SECONDS).await;
        }
        panic!("requests are still in progress: {:#?}\n{}", self.in_progress().await, self.portal.log_tail());
    }

    /// Waits until a person's request has this status.
    pub async fn wait_for_status(&self, person: &Person, status: &str) {
        let has_status = async || (self.request_of(person).await["status"]["S"] == status).then_some(());
        self.portal.until(&format!("the request of {} is {status}", person.account), has_status).await;
    }

    /// Sets the mailer's clock to the real time.
    pub fn reset_clock(&mut self) {
        self.clock = 0;
        self.portal.move_clock("mailer", 0);
    }

    pub async fn in_progress(&self) -> Vec<Value> {
        let mut requests = self.portal.items("MailRequests").await;
        requests.retain(|request| ["pending", "sending"].contains(&request["status"]["S"].as_str().unwrap_or("?")));
        requests
    }

    /// The person's request, ended or not.
    pub async fn request_of(&self, person: &Person) -> Value {
        let requests = self.portal.items("MailRequests").await;
        let of = |request: &&Value| {
            request["kind"]["S"] != "notice"
                && [&request["requested_account"]["S"], &request["account"]["S"]]
                    .contains(&&Value::from(person.account.as_str()))
        };
        requests.iter().find(of).cloned().unwrap_or_else(|| panic!("no request of {}: {requests:#?}", person.account))
    }

    pub fn clear_faults(&self) {
        self.portal.clear_faults();
    }

    /// Makes the stack unusable for later scenarios.
    pub fn discard_stack(&mut self) {
        self.spoiled = true;
    }

    /// Returns the stack for another scenario.
    pub async fn release(self) -> Option<Portal> {
        if self.spoiled {
            return None;
        }
        self.portal.move_clock("mailer", 0);
        self.portal.clear_limits().await;
        Some(self.portal)
    }
}
