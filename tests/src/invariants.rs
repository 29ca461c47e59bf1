//! The thirteen invariants, checked through the tables, the mailbox, and the API.

use crate::fault_scenario::FaultScenario;
use crate::person::Person;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Name, as in the message of a failed check, and text.
pub const INVARIANTS: [(&str, &str); 13] = [
    (
        "I1",
        "nothing is lost: every request that can be mailed is mailed; every other one ends in a named state with a reason and, if it needs attention, on the desk's list",
    ),
    (
        "I2",
        "no mail is duplicated unless a response was lost, nor sent more than three times; each copy's link works until one is used",
    ),
    ("I3", "a link changes the password at most once"),
    ("I4", "hash, version, used link, and notice change together or not at all, the version by one"),
    ("I5", "once a change is committed, even if its response is lost, no older session or link is accepted"),
    ("I6", "tables, streams, and logs contain no plain password, link, or session token"),
    ("I7", "no fault makes a response depend on whether an account exists"),
    ("I8", "if counters or credentials cannot be read or written, nobody new gets in"),
    ("I9", "expiry is enforced whether or not the item was deleted"),
    ("I10", "no more passwords are verified than the limits allow, despite concurrency, crashes, and retries"),
    ("I11", "a failing request delays no other user's mail"),
    (
        "I12",
        "work is bounded: at most three times the usual calls, and every response within eleven seconds (ten for the function)",
    ),
    ("I13", "after the fault everything recovers unattended"),
];
/// A function's timeout is 10 s; the gateway responds for a killed one.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(11);
/// For the mail of a user whom the fault does not concern.
const MAX_MAIL_DELAY: Duration = Duration::from_mins(1);
/// DynamoDB calls per response: eight without faults, and three attempts of each.
const MAX_CALLS: u64 = 8 * 3;
/// In seconds.
const MAX_RETENTION: i64 = 400 * 86_400;

fn text(value: &Value) -> &str {
    value["S"].as_str().unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

impl FaultScenario {
    /// Clears the fault, waits until every request has ended, and checks all invariants.
    ///
    /// # Panics
    /// If one does not hold.
    pub async fn assert_invariants(&mut self) {
        self.clear_faults();
        self.drain().await;
        self.reset_clock();
        self.requests_are_not_lost().await;
        self.emails_are_not_duplicated().await;
        self.links_are_redeemed_once().await;
        self.changes_are_atomic().await;
        let leaks = self.portal.find_leaks();
        assert!(leaks.is_empty(), "I6: {leaks:#?}");
        self.ttls_are_plausible().await;
        self.work_is_bounded().await;
        let person = self.everything_recovers().await;
        self.invalid_credentials_are_refused(&person).await;
    }

    /// I1.
    async fn requests_are_not_lost(&self) {
        for request in self.portal.items("MailRequests").await {
            let status = text(&request["status"]);
            assert!(
                request.get("requested_account").is_none() && request["ended_at"]["N"].is_string(),
                "I1: {request}"
            );
            assert!(status != "failed" || !text(&request["reason"]).is_empty(), "I1, without a reason: {request}");
            let needs_attention =
                ["failed", "expired", "no-mailbox", "shared-mailbox", "suppressed", "bounced", "complained"];
            assert_eq!(needs_attention.contains(&status), text(&request["queue"]) == "desk", "I1: {request}");
        }
        let log = |name| std::fs::read_to_string(self.portal.setup().data().join(name)).unwrap_or_default();
        let log = ["logs/mailer.log", "logs/mail-events.log"].map(log).concat();
        for outcome in &self.outcomes {
            let request = self.request_of(&outcome.person).await;
            let (status, account) = (text(&request["status"]), &outcome.person.account);
            match &outcome.status {
                Some(expected) => assert_eq!(status, expected, "I1, {account}: {request}"),
                None => assert!(["sent", "delayed", "delivered"].contains(&status), "I1, {account}: {request}"),
            }
            if outcome.status.is_none() {
                assert!(!self.portal.mails_to(&outcome.person.email).await.is_empty(), "I1: no mail to {account}");
            }
            if ["failed", "expired"].contains(&status) {
                assert!(log.contains("\"EmailsFailed\":1"), "I1: no metric of {request}");
            }
        }
    }

    /// I2. Counts emails by the tags that identify their request.
    async fn emails_are_not_duplicated(&self) {
        let mails = std::fs::read_to_string(self.portal.setup().data().join("mail.jsonl")).unwrap_or_default();
        let mut sent: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for mail in mails.lines().map(|line| serde_json::from_str::<Value>(line).expect("a mail")) {
            let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let key = (part(&mail["to"]), part(&mail["tags"]["account"]), part(&mail["tags"]["request"]));
            *sent.entry(key).or_default() += 1;
        }
        for outcome in &self.outcomes {
            let person = &outcome.person;
            let extra = self.ambiguous.get(&person.email).copied().unwrap_or_default();
            for ((_, _, request), count) in sent.iter().filter(|((to, ..), _)| *to == person.email) {
                let most = if request.starts_with("notice") { 1 } else { (1 + extra).min(3) };
                assert!(*count <= most, "I2: {count} mails to {} for {request}", person.account);
            }
            let mails = self.portal.mails_to(&person.email).await;
            for mail in mails.iter().filter(|mail| mail.has_link()) {
                let answer = self.portal.visitor().check(mail.token()).await;
                let expected = if self.users.contains_key(&person.account) { 410 } else { 200 };
                assert!(
                    outcome.status.is_some() || answer.status == expected,
                    "I2: a link of {}: {answer:?}",
                    person.account
                );
            }
        }
    }

    /// I3.
    async fn links_are_redeemed_once(&self) {
        let mut used: BTreeMap<(String, i64), usize> = BTreeMap::new();
        for token in self.portal.items("Tokens").await.iter().filter(|token| token.get("used_at").is_some()) {
            *used.entry((text(&token["account"]).to_owned(), number(&token["version"]))).or_default() += 1;
        }
        assert!(used.values().all(|count| *count == 1), "I3: {used:?}");
    }

    /// I4.
    async fn changes_are_atomic(&self) {
        let (requests, tokens) = (self.portal.items("MailRequests").await, self.portal.items("Tokens").await);
        for Person { account, .. } in self.outcomes.iter().map(|outcome| &outcome.person) {
            let credentials = self.portal.credentials(account).await;
            let version = number(&credentials["version"]);
            let times = self.users.get(account).copied().unwrap_or_default();
            assert_eq!(version, i64::try_from(times).expect("a number"), "I4: the version of {account}: {credentials}");
            assert_eq!(credentials.get("phc").is_some(), times > 0, "I4: the hash of {account}");
            let is_notice =
                |request: &&Value| text(&request["account"]) == account && text(&request["kind"]) == "notice";
            assert_eq!(requests.iter().filter(is_notice).count() as u64, times, "I4: the notices of {account}");
            let is_used = |token: &&Value| text(&token["account"]) == account && token.get("used_at").is_some();
            assert_eq!(tokens.iter().filter(is_used).count() as u64, times, "I4: the used links of {account}");
        }
    }

    /// I9: every item's TTL is a plausible Unix time in seconds.
    async fn ttls_are_plausible(&self) {
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs()).expect("seconds");
        for table in self.portal.expiring_tables() {
            for item in self.portal.items(&table).await {
                let ttl = number(&item["ttl"]);
                assert!(ttl > now - MAX_RETENTION && ttl < now + MAX_RETENTION, "I9: {table}: {item}");
            }
        }
    }

    /// I12.
    async fn work_is_bounded(&self) {
        let (answers, slowest) = self.portal.secrets_used().responses();
        assert!(slowest < MAX_RESPONSE_TIME, "I12: a response took {slowest:?}");
        let answers = answers - self.before.1;
        let (calls, earlier) = (self.portal.calls().await, &self.before.0);
        let count = |matches: fn(&str) -> bool| -> u64 {
            let matching = calls.iter().filter(|(call, _)| matches(call));
            matching.map(|(call, count)| count - earlier.get(call).copied().unwrap_or_default()).sum()
        };
        let is_api = |call: &str| call.contains("Function dynamodb ") && !call.starts_with("Mail");
        let calls_of_api = count(is_api);
        assert!(calls_of_api <= MAX_CALLS * answers, "I12: {calls_of_api} DynamoDB calls for {answers} responses");
        // Each sweep attempts a batch of deferred requests from each queue.
        let (mailed, sweeps) = (count(|call| call == "MailerFunction ses SendEmail"), self.sweeps);
        let requests = self.portal.items("MailRequests").await.len() as u64;
        assert!(mailed <= 3 * requests + 8 * sweeps, "I12: {mailed} SES calls for {requests} requests");
    }

    /// I13, and with it I5, I7, I10, and I11: a new person can register, reset, and sign in at once.
    async fn everything_recovers(&mut self) -> Person {
        let (person, visitor, stranger) = (Person::new(), self.portal.visitor(), self.portal.untrusted_visitor());
        visitor.register(&person.account).await.expect(202, "");
        let start = Instant::now();
        let first = self.portal.nth_mail(1, &person).await;
        assert!(start.elapsed() < MAX_MAIL_DELAY, "I11: a mail took {:?}", start.elapsed());
        visitor.reset(first.token(), "oie7").await.expect(204, "");
        self.portal.nth_mail(2, &person).await;
        visitor.sign_in(&person.account, "oie7").await.expect(200, "");
        visitor.get("/api/session").await.expect(200, "");
        visitor.request_reset(&person.account).await.expect(202, "");
        let second = self.portal.nth_mail(3, &person).await;
        self.portal.visitor().reset(second.token(), "abc2").await.expect(204, "");
        visitor.get("/api/session").await.expect(401, "not-signed-in");
        for link in [first, second] {
            visitor.check(link.token()).await.expect(410, "link-used");
        }
        self.assert_indistinguishable(&person, async |visitor, account| visitor.register(account).await)
            .await
            .expect(202, "");
        self.assert_indistinguishable(&person, async |visitor, account| visitor.sign_in(account, "faux1").await)
            .await
            .expect(401, "invalid-credentials");
        for _ in 1..5 {
            stranger.sign_in(&person.account, "faux1").await.expect(401, "invalid-credentials");
        }
        stranger.sign_in(&person.account, "abc2").await.expect(429, "too-many-attempts");
        person
    }

    /// I8 and I9: wrong passwords, expired sessions, and expired links are refused although their items still exist.
    async fn invalid_credentials_are_refused(&self, person: &Person) {
        let visitor = self.portal.visitor();
        visitor.sign_in(&person.account, "oie7").await.expect(401, "invalid-credentials");
        visitor.sign_in(&person.account, "abc2").await.expect(200, "");
        self.portal.end_sessions(&person.account, "ends_at").await;
        visitor.get("/api/session").await.expect(401, "not-signed-in");
        let mails = async || self.portal.mails_to(&person.email).await;
        // Two links, two notices, and one link that an untrusted client requested.
        let start = Instant::now();
        while mails().await.len() < 5 {
            assert!(start.elapsed() < MAX_MAIL_DELAY, "I13: {} mails to {}", mails().await.len(), person.account);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.portal.expire_links(&person.account).await;
        let newest = mails().await.into_iter().find(crate::Mail::has_link).expect("a link");
        visitor.check(newest.token()).await.expect(410, "link-expired");
    }
}
