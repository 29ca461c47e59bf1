//! Soak test: full load with a fault every few seconds: `cargo soak MINUTES SEED`.
//!
//! Concurrent users request links, reset passwords, and sign in without pauses while AWS calls fail, responses are
//! lost, and functions are killed. Then the faults end. Every accepted request must reach a final state, no email may
//! be sent twice unless its outcome was unknown, and all invariants must hold.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use futures_util::future::{join, join_all};
use guichet_tests::{ApiResponse, FaultScenario, Person, Setup, signal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Concurrent users.
const USERS: usize = 24;
/// People whom the users act for.
const PEOPLE: usize = 500;
const PASSWORDS: [&str; 3] = ["oie7", "abc2", "autre8"];
/// Sweeps, a minute apart, until every request must have ended.
const MAX_SWEEPS: u32 = 240;

#[derive(Default)]
struct Statistics {
    responses: Mutex<BTreeMap<String, usize>>,
    killed: AtomicUsize,
    killed_mailers: AtomicUsize,
    faults: AtomicUsize,
}

impl Statistics {
    /// Asserts an expected status and counts it.
    fn count(&self, request: &str, response: &ApiResponse) {
        let status = response.status.as_u16();
        let known =
            [200, 202, 204, 401, 404, 410, 429, 503].contains(&status) || (status == 500 && response.code().is_empty());
        assert!(known, "{request}: {response:?}");
        *self.responses.lock().expect("the responses").entry(format!("{request} {status}")).or_default() += 1;
    }
}

/// A user who acts for another person each time.
async fn act_as_user(
    scenario: &FaultScenario,
    people: &[Person],
    statistics: &Statistics,
    deadline: Instant,
    seed: u64,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    while Instant::now() < deadline {
        let person = &people[random.usize(..people.len())];
        let visitor = if random.bool() { scenario.portal.visitor() } else { scenario.portal.untrusted_visitor() };
        match random.u8(..4) {
            0 => statistics.count("register", &visitor.register(&person.account).await),
            1 => statistics.count("request-reset", &visitor.request_reset(&person.account).await),
            2 => {
                let mails = scenario.portal.mails_to(&person.email).await;
                let links: Vec<_> = mails.iter().filter(|mail| mail.has_link()).collect();
                if let Some(mail) = links.get(random.usize(..links.len().max(1))) {
                    let password = PASSWORDS[random.usize(..PASSWORDS.len())];
                    statistics.count("reset", &visitor.reset(mail.token(), password).await);
                }
            }
            _ => {
                let password = PASSWORDS[random.usize(..PASSWORDS.len())];
                let response = visitor.sign_in(&person.account, password).await;
                statistics.count("login", &response);
                if response.status == 200 {
                    statistics.count("session", &visitor.get("/api/session").await);
                    statistics.count("sign-out", &visitor.delete("/api/session").await);
                }
            }
        }
    }
}

/// Injects a fault every few seconds.
async fn inject_faults(
    scenario: &FaultScenario,
    people: &[Person],
    statistics: &Statistics,
    deadline: Instant,
    seed: u64,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    let functions = ["register", "request-reset", "mailer", "reset", "login", "session"];
    while Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(random.u64(500..3000))).await;
        statistics.faults.fetch_add(1, Ordering::Relaxed);
        if random.u8(..6) == 0 {
            // Deactivate and reactivate an account, and end the sessions of another.
            let [left, other] = [0; 2].map(|_| &people[random.usize(..people.len())]);
            drop(scenario.portal.import(&left.line(false)));
            drop(scenario.portal.admin(&["end-sessions", &other.account]));
            drop(scenario.portal.import(&left.line(true)));
            continue;
        }
        if random.u8(..3) == 0 {
            let function = functions[random.usize(..functions.len())];
            for pid in scenario.portal.pids_of(function).into_iter().take(random.usize(1..=2)) {
                signal("KILL", pid);
                statistics.killed.fetch_add(1, Ordering::Relaxed);
                statistics.killed_mailers.fetch_add(usize::from(function == "mailer"), Ordering::Relaxed);
            }
            continue;
        }
        let services =
            ["dynamodb", "dynamodb", "ses", "ses", "streams", "secretsmanager", "event-source-mapping", "events"];
        let service = services[random.usize(..services.len())];
        let mode = match service {
            "event-source-mapping" | "events" => {
                [json!("drop"), json!("reorder"), json!({ "duplicate": 2 }), json!({ "delay": 700 })][random.usize(..4)]
                    .clone()
            }
            _ => {
                json!(["throttle", "500", "503", "drop-before", "drop-after", "reset", "malformed"][random.usize(..7)])
            }
        };
        // A quarter of the calls, because a complete outage would test less.
        let nth: Vec<u64> = (1..400).filter(|_| random.u8(..4) == 0).collect();
        scenario.portal.inject_faults(&json!([{ "service": service, "nth": nth, "mode": mode }]));
        tokio::time::sleep(Duration::from_millis(random.u64(500..2500))).await;
        scenario.portal.clear_faults();
    }
    scenario.portal.clear_faults();
}

/// The number of emails per request, identified by their tags.
fn emails_per_request(scenario: &FaultScenario) -> BTreeMap<String, usize> {
    let mails = std::fs::read_to_string(scenario.portal.setup().data().join("mail.jsonl")).expect("mails");
    let mut counts = BTreeMap::new();
    for mail in mails.lines().map(|line| serde_json::from_str::<Value>(line).expect("a mail")) {
        *counts.entry(format!("{} {}", mail["tags"]["account"], mail["tags"]["request"])).or_default() += 1;
    }
    counts
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let minutes = numbers.first().copied().unwrap_or(1);
    let seed = numbers.get(1).copied().unwrap_or_else(|| std::process::id().into());
    println!("{minutes} minutes from seed {seed}");
    let stack = Setup::new().with("--concurrency=2").with("--set=EmailsPerHour=1000000").as_processes().start();
    let mut scenario = FaultScenario::on(stack).await;
    let people: Vec<_> = (0..PEOPLE).map(|_| Person::new()).collect();
    let statistics = Statistics::default();
    let deadline = Instant::now() + Duration::from_secs(minutes * 60);
    let workers = (0..USERS as u64).map(|n| act_as_user(&scenario, &people, &statistics, deadline, seed + 1 + n));
    join(join_all(workers), inject_faults(&scenario, &people, &statistics, deadline, seed)).await;

    for _ in 0..MAX_SWEEPS {
        if scenario.in_progress().await.is_empty() {
            break;
        }
        scenario.advance_clock(65).await;
    }
    let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
    for request in scenario.portal.items("MailRequests").await {
        *statuses.entry(request["status"]["S"].as_str().expect("a status").to_owned()).or_default() += 1;
    }
    let log = scenario.portal.log();
    let injected = |call: &str| log.matches(&format!("injected fault: {call}")).count();
    // A mailer sends four emails concurrently.
    let unknown = injected("ses SendEmail")
        + injected("dynamodb UpdateItem")
        + 4 * statistics.killed_mailers.load(Ordering::Relaxed);
    let mails = emails_per_request(&scenario);
    let duplicates: usize = mails.values().map(|count| count - 1).sum();
    println!(
        "{} faults, {} instances killed\nresponses: {:#?}\nstatuses: {statuses:#?}\n{} mails, {duplicates} duplicates, at most {unknown} unknown outcomes",
        statistics.faults.load(Ordering::Relaxed),
        statistics.killed.load(Ordering::Relaxed),
        statistics.responses.lock().expect("the responses"),
        mails.values().sum::<usize>(),
    );
    assert!(statuses.keys().all(|status| !["pending", "sending"].contains(&status.as_str())), "I1: {statuses:?}");
    assert!(mails.values().all(|count| *count <= 3) && duplicates <= unknown, "I2: {duplicates} of {unknown}");
    // The load has opened the circuit breaker.
    scenario.portal.delete_counters("").await;
    scenario.assert_invariants().await;
    println!("test result: ok. 1 passed; 0 failed");
}
