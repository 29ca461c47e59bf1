//! Cold starts: from the start of the process to the response to its first event.

use crate::aws::{AnswerMode, sequential_round_trips};
use crate::comparisons::Comparisons;
use crate::fixture::{Fixture, PASSWORD, packaged_binary, sign_in_form};
use crate::lambda::{FunctionProcess, event, from_managed_network};
use crate::sample::{RUNS, Sample};
use guichet_tests::workspace;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Events after the first.
const WARM_EVENTS: u32 = 20;

/// A program and its first event.
struct Candidate {
    name: String,
    /// The function whose environment the program gets.
    function: &'static str,
    command: Vec<PathBuf>,
    event: Value,
    status: u64,
}

pub struct ColdStart {
    pub name: String,
    /// Milliseconds to the first response.
    pub elapsed: Sample,
    /// Milliseconds of CPU time to the first response.
    pub cpu: Sample,
    /// Megabytes of resident memory after the first response.
    pub memory: Sample,
    /// Milliseconds of CPU time of each further event.
    pub warm: Sample,
    /// Sequential AWS calls up to the first response, secrets included.
    pub round_trips: usize,
}

pub fn baseline(name: &str) -> PathBuf {
    workspace().join("target/release").join(name)
}

impl Candidate {
    fn start(&self, fixture: &Fixture) -> FunctionProcess {
        let [program, arguments @ ..] = self.command.as_slice() else { unreachable!("a command has a program") };
        let mut command: Command = fixture.command(program, self.function);
        FunctionProcess::start(command.args(arguments))
    }
}

fn candidate(name: &str, function: &'static str, program: &Path, event: Value, status: u64) -> Candidate {
    Candidate { name: name.to_owned(), function, command: vec![program.to_owned()], event, status }
}

pub fn measure(fixture: &Fixture, comparisons: Option<&Comparisons>) -> Vec<ColdStart> {
    let candidates = candidates(fixture, comparisons);
    // The first round records the answers that the later ones replay.
    fixture.aws.set_mode(AnswerMode::Delayed);
    let mut all: Vec<_> = candidates
        .iter()
        .map(|candidate| {
            fixture.aws.take_calls();
            candidate.start(fixture).first_response(&candidate.event, candidate.status);
            let round_trips = sequential_round_trips(&fixture.aws.take_calls());
            let empty = Sample::default;
            ColdStart {
                name: candidate.name.clone(),
                elapsed: empty(),
                cpu: empty(),
                memory: empty(),
                warm: empty(),
                round_trips,
            }
        })
        .collect();
    fixture.aws.set_mode(AnswerMode::Replay);
    for _ in 0..RUNS {
        for (candidate, cold_start) in candidates.iter().zip(&mut all) {
            let process = candidate.start(fixture);
            let elapsed = process.first_response(&candidate.event, candidate.status);
            cold_start.elapsed.add(elapsed.as_secs_f64() * 1e3);
            cold_start.cpu.add(process.cpu());
            #[expect(clippy::cast_precision_loss, reason = "megabytes")]
            cold_start.memory.add(process.memory() as f64 / 1e6);
            let before = process.cpu();
            for _ in 0..WARM_EVENTS {
                process.invoke_raw(&candidate.event);
            }
            cold_start.warm.add((process.cpu() - before) / f64::from(WARM_EVENTS));
        }
    }
    all
}

fn candidates(fixture: &Fixture, comparisons: Option<&Comparisons>) -> Vec<Candidate> {
    let session = fixture.create_session("p0");
    let account = json!({ "account": "p1" });
    let request_reset = event("POST /api/request-reset", &account, None);
    let login = event("POST /api/login", &sign_in_form("p0"), None);
    let change = json!({ "current": PASSWORD, "password": "autre8", "confirmation": "autre8" });
    let mailer = fixture.start("mailer");
    let register = event("POST /api/register", &json!({ "account": "p2" }), None);
    assert_eq!(fixture.start("register").invoke(&register).0, 202);
    let check = json!({ "token": fixture.run_mailer(&mailer, "p2").expect("a link") });
    let search = json!({ "family_name": "Nom7", "given_name": "Prénom" });
    let functions = [
        ("register", event("POST /api/register", &account, None), 202),
        ("request-reset", request_reset.clone(), 202),
        ("reset", event("POST /api/reset/check", &check, None), 200),
        ("login", login.clone(), 200),
        ("session", event("GET /api/session", &Value::Null, Some(&session)), 200),
        ("find-account", from_managed_network(event("POST /api/find-account", &search, None)), 200),
    ];
    let mut candidates = vec![
        candidate("baseline: runtime", "login", &baseline("baseline-runtime"), login.clone(), 200),
        candidate("baseline: lambda_http", "login", &baseline("baseline-http"), login.clone(), 200),
        candidate("baseline: one call", "login", &baseline("baseline-call"), login.clone(), 200),
    ];
    candidates
        .extend(functions.map(|(name, event, status)| candidate(name, name, &packaged_binary(name), event, status)));
    if let Some(comparisons) = comparisons {
        for (function, event, status) in [("login", &login, 200), ("request-reset", &request_reset, 202)] {
            for (language, command) in [("Node", comparisons.node(function)), ("Python", comparisons.python(function))]
            {
                let name = format!("{language}: {function}");
                candidates.push(Candidate { name, function, command, event: event.clone(), status });
            }
        }
    }
    // Last, because it revokes the session and the password that the others use.
    let change = event("POST /api/password", &change, Some(&session));
    candidates.push(candidate("password", "password", &packaged_binary("password"), change, 204));
    candidates
}

/// What one AWS call through the functions' client adds to an event: milliseconds of wall time, and of CPU time.
pub fn measure_call(fixture: &Fixture) -> (Sample, Sample) {
    const EVENTS: u32 = 50;
    fixture.aws.set_mode(AnswerMode::Replay);
    let event = event("GET /", &Value::Null, None);
    let processes = ["baseline-http", "baseline-call"].map(|name| {
        let process = FunctionProcess::start(&mut fixture.command(&baseline(name), "login"));
        process.first_response(&event, 200);
        process
    });
    let (mut elapsed, mut cpu) = (Sample::default(), Sample::default());
    for _ in 0..RUNS {
        let [without, with] = processes.each_ref().map(|process| {
            let before = process.cpu();
            let elapsed: f64 = (0..EVENTS).map(|_| process.invoke(&event).2.as_secs_f64()).sum();
            (elapsed * 1e3, process.cpu() - before)
        });
        elapsed.add((with.0 - without.0) / f64::from(EVENTS));
        cpu.add((with.1 - without.1) / f64::from(EVENTS));
    }
    (elapsed, cpu)
}
