//! Cold starts: from the start of the process to the answer to its first event.

use crate::aws::{Mode, one_after_the_other};
use crate::ground::{Ground, packaged, sign_in};
use crate::lambda::{Instance, at_work, event};
use crate::peers::Peers;
use crate::sample::{RUNS, Sample};
use guichet_tests::workspace;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Events after the first, by which it is warm.
const WARM: u32 = 20;

/// What is started, and what it is asked.
struct Start {
    name: String,
    /// Whose environment it gets.
    function: &'static str,
    command: Vec<PathBuf>,
    event: Value,
    status: u64,
}

/// What came of it.
pub struct Started {
    pub name: String,
    /// Milliseconds to the first answer.
    pub elapsed: Sample,
    /// Milliseconds of processor time until then.
    pub cpu: Sample,
    /// Megabytes of resident memory then.
    pub memory: Sample,
    /// Milliseconds of processor time for each of the next events.
    pub warm: Sample,
    /// Calls of AWS that had to wait for each other, the secrets included.
    pub round_trips: usize,
}

/// A program of the floors.
pub fn floor(name: &str) -> PathBuf {
    workspace().join("target/release").join(name)
}

impl Start {
    fn run(&self, ground: &Ground) -> Instance {
        let [program, arguments @ ..] = self.command.as_slice() else { unreachable!("a command has a program") };
        let mut command: Command = ground.command(program, self.function);
        Instance::start(command.args(arguments))
    }
}

fn of(name: &str, function: &'static str, program: &Path, event: Value, status: u64) -> Start {
    Start { name: name.to_owned(), function, command: vec![program.to_owned()], event, status }
}

/// Starts everything again and again, in turn.
pub fn measure(ground: &Ground, peers: Option<&Peers>) -> Vec<Started> {
    let ticket = ground.settle("p0");
    let ask = json!({ "account": "p1" });
    let request_reset = event("POST /api/request-reset", &ask, None);
    let login = event("POST /api/login", &sign_in("p0"), None);
    let change = json!({ "current": crate::ground::PASSWORD, "password": "autre8", "confirmation": "autre8" });
    let mailer = ground.start("mailer");
    let (status, ..) = ground.start("register").invoke(&event("POST /api/register", &json!({ "account": "p2" }), None));
    assert_eq!(status, 202);
    let check = json!({ "token": ground.mail(&mailer, "p2").expect("a link") });
    let search = json!({ "family_name": "Nom7", "given_name": "Prénom" });
    let http = [
        ("register", event("POST /api/register", &ask, None), 202),
        ("request-reset", request_reset.clone(), 202),
        ("reset", event("POST /api/reset/check", &check, None), 200),
        ("login", login.clone(), 200),
        ("session", event("GET /api/session", &Value::Null, Some(&ticket)), 200),
        ("find-account", at_work(event("POST /api/find-account", &search, None)), 200),
    ];
    let mut starts = vec![
        of("bare runtime", "login", &floor("floor-runtime"), login.clone(), 200),
        of("bare lambda_http", "login", &floor("floor-http"), login.clone(), 200),
        of("bare call", "login", &floor("floor-call"), login.clone(), 200),
    ];
    starts.extend(http.map(|(name, event, status)| of(name, name, &packaged(name), event, status)));
    if let Some(peers) = peers {
        for (function, event, status) in [("login", &login, 200), ("request-reset", &request_reset, 202)] {
            for (language, command) in [("Node", peers.node(function)), ("Python", peers.python(function))] {
                let name = format!("{language}: {function}");
                starts.push(Start { name, function, command, event: event.clone(), status });
            }
        }
    }
    // Last: it ends what the others go by.
    let change = event("POST /api/password", &change, Some(&ticket));
    starts.push(of("password", "password", &packaged("password"), change, 204));

    // Once for real: what AWS answers is what it answers again from then on.
    ground.aws.answers(Mode::Late);
    let mut all: Vec<_> = starts
        .iter()
        .map(|start| {
            ground.aws.calls();
            start.run(ground).first(&start.event, start.status);
            let round_trips = one_after_the_other(&ground.aws.calls());
            let none = Sample::default;
            Started {
                name: start.name.clone(),
                elapsed: none(),
                cpu: none(),
                memory: none(),
                warm: none(),
                round_trips,
            }
        })
        .collect();
    ground.aws.answers(Mode::Again);
    for _ in 0..RUNS {
        for (start, started) in starts.iter().zip(&mut all) {
            let instance = start.run(ground);
            started.elapsed.add(instance.first(&start.event, start.status).as_secs_f64() * 1e3);
            started.cpu.add(instance.cpu().as_secs_f64() * 1e3);
            #[expect(clippy::cast_precision_loss, reason = "megabytes")]
            started.memory.add(instance.memory() as f64 / 1e6);
            let before = instance.cpu();
            for _ in 0..WARM {
                instance.answer_to(&start.event);
            }
            started.warm.add((instance.cpu() - before).as_secs_f64() * 1e3 / f64::from(WARM));
        }
    }
    all
}

/// Milliseconds of one call of AWS over the functions' client, and of processor time for it, beyond what an event costs
/// anyway.
pub fn bare_call(ground: &Ground) -> (Sample, Sample) {
    const EVENTS: u32 = 50;
    ground.aws.answers(Mode::Again);
    let hello = event("GET /", &Value::Null, None);
    let instances = ["floor-http", "floor-call"].map(|name| {
        let instance = Instance::start(&mut ground.command(&floor(name), "login"));
        instance.first(&hello, 200);
        instance
    });
    let (mut elapsed, mut cpu) = (Sample::default(), Sample::default());
    for _ in 0..RUNS {
        let [hello, call] = instances.each_ref().map(|instance| {
            let before = instance.cpu();
            let elapsed: f64 = (0..EVENTS).map(|_| instance.invoke(&hello).2.as_secs_f64()).sum();
            (elapsed, (instance.cpu() - before).as_secs_f64())
        });
        elapsed.add((call.0 - hello.0) * 1e3 / f64::from(EVENTS));
        cpu.add((call.1 - hello.1) * 1e3 / f64::from(EVENTS));
    }
    (elapsed, cpu)
}
