//! A long shift at the machine's limit, with a fault every few seconds: `cargo test --test soak -- MINUTES SEED`.
//!
//! As many people as the machine serves ask, reset and sign in without a pause; calls fail, answers are lost, functions are
//! killed. Then all is mended, and each request that was accepted has come to a named end, no mail went out twice but where
//! nobody could know, and all invariants hold.

#![expect(clippy::expect_used, reason = "what is unwrapped here is held by the test")]

use futures_util::future::{join, join_all};
use guichet_tests::{Answer, FaultScenario, Person, Setup, signal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// At work at once.
const PEOPLE: usize = 24;
/// Of so many there are in the directory.
const ALL: usize = 500;
const PASSWORDS: [&str; 3] = ["oie7", "abc2", "autre8"];
/// Sweeps of a minute until all is at its end.
const PATIENCE: u32 = 240;

/// What came of it all.
#[derive(Default)]
struct Seen {
    answers: Mutex<BTreeMap<String, usize>>,
    killed: AtomicUsize,
    killed_mailers: AtomicUsize,
    faults: AtomicUsize,
}

impl Seen {
    /// Nobody is ever told anything but this.
    fn answer(&self, what: &str, answer: &Answer) {
        let status = answer.status.as_u16();
        let known =
            [200, 202, 204, 401, 404, 410, 429, 503].contains(&status) || (status == 500 && answer.code().is_empty());
        assert!(known, "{what}: {answer:?}");
        *self.answers.lock().expect("the answers").entry(format!("{what} {status}")).or_default() += 1;
    }
}

/// Comes again and again, as somebody else each time.
async fn works(scenario: &FaultScenario, people: &[Person], seen: &Seen, until: Instant, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    while Instant::now() < until {
        let person = &people[random.usize(..people.len())];
        let visitor = if random.bool() { scenario.portal.visitor() } else { scenario.portal.untrusted_visitor() };
        match random.u8(..4) {
            0 => seen.answer("register", &visitor.register(&person.account).await),
            1 => seen.answer("request-reset", &visitor.request_reset(&person.account).await),
            2 => {
                let mails = scenario.portal.mails_to(&person.email).await;
                let links: Vec<_> = mails.iter().filter(|mail| mail.has_link()).collect();
                if let Some(mail) = links.get(random.usize(..links.len().max(1))) {
                    let password = PASSWORDS[random.usize(..PASSWORDS.len())];
                    seen.answer("reset", &visitor.reset(mail.token(), password).await);
                }
            }
            _ => {
                let password = PASSWORDS[random.usize(..PASSWORDS.len())];
                let answer = visitor.sign_in(&person.account, password).await;
                seen.answer("login", &answer);
                if answer.status == 200 {
                    seen.answer("session", &visitor.get("/api/session").await);
                    seen.answer("sign-out", &visitor.delete("/api/session").await);
                }
            }
        }
    }
}

/// Something goes wrong every few seconds.
async fn harms(scenario: &FaultScenario, people: &[Person], seen: &Seen, until: Instant, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let functions = ["register", "request-reset", "mailer", "reset", "login", "session"];
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(random.u64(500..3000))).await;
        seen.faults.fetch_add(1, Ordering::Relaxed);
        if random.u8(..6) == 0 {
            // The directory takes somebody away and brings them back, and the desk ends somebody's sessions.
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
                seen.killed.fetch_add(1, Ordering::Relaxed);
                seen.killed_mailers.fetch_add(usize::from(function == "mailer"), Ordering::Relaxed);
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
        // One call in a few: all of them would only be an outage.
        let nth: Vec<u64> = (1..400).filter(|_| random.u8(..4) == 0).collect();
        scenario.portal.fail(&json!([{ "service": service, "nth": nth, "mode": mode }]));
        tokio::time::sleep(Duration::from_millis(random.u64(500..2500))).await;
        scenario.portal.clear_faults();
    }
    scenario.portal.clear_faults();
}

/// The mails of each request, by the tags that they carry.
fn mails_of_requests(scenario: &FaultScenario) -> BTreeMap<String, usize> {
    let mails = std::fs::read_to_string(scenario.portal.setup().data().join("mail.jsonl")).expect("mails");
    let mut of_request = BTreeMap::new();
    for mail in mails.lines().map(|line| serde_json::from_str::<Value>(line).expect("a mail")) {
        *of_request.entry(format!("{} {}", mail["tags"]["account"], mail["tags"]["request"])).or_default() += 1;
    }
    of_request
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let minutes = numbers.first().copied().unwrap_or(1);
    let seed = numbers.get(1).copied().unwrap_or_else(|| std::process::id().into());
    println!("{minutes} minutes from seed {seed}");
    let stack = Setup::new().with("--concurrency=2").with("--set=EmailsPerHour=1000000").start();
    let mut scenario = FaultScenario::on(stack).await;
    let people: Vec<_> = (0..ALL).map(|_| Person::new()).collect();
    let seen = Seen::default();
    let until = Instant::now() + Duration::from_secs(minutes * 60);
    let workers = (0..PEOPLE as u64).map(|n| works(&scenario, &people, &seen, until, seed + 1 + n));
    join(join_all(workers), harms(&scenario, &people, &seen, until, seed)).await;

    for _ in 0..PATIENCE {
        if scenario.in_progress().await.is_empty() {
            break;
        }
        scenario.advance_clock(65).await;
    }
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for request in scenario.portal.items("MailRequests").await {
        *ends.entry(request["status"]["S"].as_str().expect("a status").to_owned()).or_default() += 1;
    }
    let log = scenario.portal.log();
    let unknown = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    // Four are in the hands of a mailer at once.
    let unknown = unknown("injected fault: ses SendEmail")
        + unknown("injected fault: dynamodb UpdateItem")
        + 4 * seen.killed_mailers.load(Ordering::Relaxed);
    let mails = mails_of_requests(&scenario);
    let twice: usize = mails.values().map(|count| count - 1).sum();
    println!(
        "{} faults, {} instances killed\nanswers: {:#?}\nends: {ends:#?}\n{} mails, {twice} of them again, {unknown} outcomes unknown",
        seen.faults.load(Ordering::Relaxed),
        seen.killed.load(Ordering::Relaxed),
        seen.answers.lock().expect("the answers"),
        mails.values().sum::<usize>(),
    );
    assert!(ends.keys().all(|end| !["pending", "sending"].contains(&end.as_str())), "I1: {ends:?}");
    assert!(mails.values().all(|count| *count <= 3) && twice <= unknown, "I2: {twice} of {unknown}");
    // So many guesses from outside are what the brake is for.
    scenario.portal.delete_counters("").await;
    scenario.assert_invariants().await;
    println!("test result: ok. 1 passed; 0 failed");
}
