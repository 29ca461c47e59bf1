//! The scenario of one fault: a stack, the people who meet the fault, and what may become of their mails.

use crate::person::Person;
use crate::portal::{Portal, Setup};
use crate::visitor::{Answer, Visitor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A mailer waits for SES so long, and a little for the tables.
const AT_WORK: Duration = Duration::from_secs(6);
/// The bell rings within so long.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// A mailer's lease and its longest pause.
const A_WHILE: i64 = 65;
/// Within so many of them each request comes to its end.
const PATIENCE: i64 = 14;

/// Somebody who asked for a link.
pub(crate) struct Asked {
    pub(crate) person: Person,
    /// How the request ends, where not with a mail.
    pub(crate) end: Option<String>,
}

/// Where one fault is met.
pub struct FaultScenario {
    /// The stack.
    pub portal: Portal,
    pub(crate) asked: Vec<Asked>,
    /// Those who have a password, and how often it was set.
    pub(crate) users: BTreeMap<String, u64>,
    /// How many mails more than one a request may have sent: outcomes that nobody could know.
    pub(crate) ambiguous: BTreeMap<String, usize>,
    /// The calls and the answers of before.
    pub(crate) before: (BTreeMap<String, u64>, u64),
    clock: i64,
    spoiled: bool,
    pub(crate) sweeps: u64,
}

impl FaultScenario {
    /// On a stack of its own.
    pub async fn new() -> Self {
        Self::on(Setup::new().with("--concurrency=2").start()).await
    }

    /// On a stack that was used before.
    pub async fn on(portal: Portal) -> Self {
        let before = (portal.calls().await, portal.met().answers().0);
        Self {
            portal,
            asked: Vec::new(),
            users: BTreeMap::new(),
            ambiguous: BTreeMap::new(),
            before,
            clock: 0,
            spoiled: false,
            sweeps: 0,
        }
    }

    /// Somebody new asks for a link, on a managed workstation.
    pub async fn asks(&mut self) -> Person {
        let person = Person::new();
        self.portal.visitor().register(&person.account).await.expect(202, "");
        self.expects(&person);
        person
    }

    /// Somebody's request is to be mailed.
    pub fn expects(&mut self, person: &Person) {
        self.asked.push(Asked { person: person.clone(), end: None });
    }

    /// Somebody's request ends otherwise.
    pub fn ends(&mut self, person: &Person, status: &str) {
        let asked = self.asked.iter_mut().rev().find(|asked| asked.person.account == person.account);
        asked.expect("somebody who asked").end = Some(status.to_owned());
    }

    /// So many outcomes of SES could not be known for somebody's request.
    pub fn ambiguous(&mut self, person: &Person, outcomes: usize) {
        self.ambiguous.insert(person.email.clone(), outcomes);
    }

    /// Somebody who has a password, `oie7`, and where they sat.
    pub async fn user(&mut self) -> (Person, Visitor) {
        let (person, visitor) = (Person::new(), self.portal.visitor());
        visitor.become_a_user(&self.portal, &person, "oie7").await;
        self.expects(&person);
        self.set_password(&person);
        (person, visitor)
    }

    /// Somebody's password was set once more.
    pub fn set_password(&mut self, person: &Person) {
        *self.users.entry(person.account.clone()).or_default() += 1;
    }

    /// What became of somebody is looked at by the story alone.
    pub fn forget(&mut self, person: &Person) {
        self.asked.retain(|asked| asked.person.account != person.account);
        self.users.remove(&person.account);
    }

    /// Takes away what is kept until after this moment, in seconds since 1970: it was written by a clock that was ahead.
    pub async fn delete_items_expired_before(&self, moment: i64) {
        for (table, keys) in [
            ("Sessions", ["account", "secret_hash"].as_slice()),
            ("Devices", &["account", "cookie_hash"]),
            ("Tokens", &["token_hash"]),
            ("MailRequests", &["account_key", "request"]),
            ("Events", &["account_key", "at_id"]),
            ("Throttles", &["counter"]),
        ] {
            let kept_until = |item: &Value| item["ttl"]["N"].as_str().and_then(|text| text.parse::<i64>().ok());
            for item in self.portal.items(table).await.iter().filter(|item| kept_until(item) > Some(moment)) {
                let key: serde_json::Map<_, _> =
                    keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect();
                self.portal.dynamodb("DeleteItem", table, json!({ "Key": key })).await;
            }
        }
    }

    /// Somebody's link, once it is there.
    pub async fn link(&self, person: &Person) -> String {
        self.portal.mail_number(1, person).await.token().to_owned()
    }

    /// A known account and one that nobody bears are answered alike; how.
    pub async fn alike(&self, known: &Person, act: impl AsyncFn(&Visitor, &str) -> Answer) -> Answer {
        let (one, other) = (self.portal.untrusted_visitor(), self.portal.untrusted_visitor());
        let (known, unknown) = (act(&one, &known.account).await, act(&other, "personne").await);
        let told = |answer: &Answer| (answer.status, answer.code(), answer.headers.contains_key("set-cookie"));
        assert_eq!(told(&known), told(&unknown), "known and unknown accounts are told apart");
        known
    }

    /// The mailer's clock goes on so many seconds, and it looks for what is due. Whoever is at work comes to an end
    /// before: on a clock that leaps they would seem to be dead.
    pub async fn advance_clock(&mut self, seconds: i64) {
        let start = Instant::now();
        loop {
            let under_way = self.in_progress().await;
            let at_work = |it: &Value| it["status"]["S"] == "sending" && start.elapsed() < AT_WORK;
            let just_asked = |it: &Value| it["attempts"]["N"] == "0" && start.elapsed() < ON_THE_WAY;
            if !under_way.iter().any(|it| at_work(it) || just_asked(it)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.sweeps += 1;
        self.clock += seconds;
        self.portal.move_clock("mailer", self.clock);
        self.portal.sweep().await;
    }

    /// Lets time pass until no request is under way.
    pub async fn drain(&mut self) {
        for _ in 0..PATIENCE {
            if self.in_progress().await.is_empty() {
                return;
            }
            self.advance_clock(A_WHILE).await;
        }
        panic!("requests are still under way: {:#?}\n{}", self.in_progress().await, self.portal.log());
    }

    /// Waits until a person's request stands so.
    pub async fn wait_for_status(&self, person: &Person, status: &str) {
        let stands_so = async || (self.request_of(person).await["status"]["S"] == status).then_some(());
        self.portal.until(&format!("the request of {} is {status}", person.account), stands_so).await;
    }

    /// The mailer's clock is right again.
    pub fn reset_clock(&mut self) {
        self.clock = 0;
        self.portal.move_clock("mailer", 0);
    }

    /// The requests that are under way.
    pub async fn in_progress(&self) -> Vec<Value> {
        let mut requests = self.portal.items("MailRequests").await;
        requests.retain(|request| ["pending", "sending"].contains(&request["status"]["S"].as_str().unwrap_or("?")));
        requests
    }

    /// The request that a person made, ended or not, by the name or the account in it.
    pub async fn request_of(&self, person: &Person) -> Value {
        let requests = self.portal.items("MailRequests").await;
        let of = |request: &&Value| {
            request["kind"]["S"] != "notice"
                && [&request["requested_account"]["S"], &request["account"]["S"]]
                    .contains(&&Value::from(person.account.as_str()))
        };
        requests.iter().find(of).cloned().unwrap_or_else(|| panic!("no request of {}: {requests:#?}", person.account))
    }

    /// The fault is over: all goes on, at the right time.
    pub fn clear_faults(&self) {
        self.portal.clear_faults();
    }

    /// Nothing else is to be told on this stack.
    pub fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Gives the stack back, for another fault.
    pub async fn leave(self) -> Option<Portal> {
        if self.spoiled {
            return None;
        }
        self.portal.move_clock("mailer", 0);
        self.portal.clear_limits().await;
        Some(self.portal)
    }
}
