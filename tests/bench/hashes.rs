//! Sign-ins compared with the Argon2id hash that they contain.

use crate::aws::AnswerMode;
use crate::cold_starts::baseline;
use crate::fixture::{Fixture, sign_in_form};
use crate::lambda::{FunctionProcess, event, from_managed_network};
use crate::sample::{RUNS, Sample};
use guichet_tests::workspace;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const SIGN_INS: u32 = 30;

#[derive(Default)]
pub struct SignIns {
    /// Milliseconds of CPU time of one.
    pub cpu: Sample,
    /// With both cores busy.
    pub per_second: Sample,
}

/// CPU times are in milliseconds.
#[derive(Default)]
pub struct Hashes {
    /// Costs the same as a sign-in from a known device.
    pub managed_network: SignIns,
    /// Also charged to its source and to the circuit breaker.
    pub untrusted: SignIns,
    /// One hash in reused memory.
    pub baseline: Sample,
    /// In memory allocated for each hash.
    pub baseline_fresh: Sample,
    /// Built for AVX2, which all Lambda processors have.
    pub baseline_avx2: Sample,
    pub baseline_per_second: Sample,
}

pub fn measure(fixture: &Fixture) -> Hashes {
    fixture.aws.set_mode(AnswerMode::Engine);
    fixture.create_session("p3");
    let untrusted = event("POST /api/login", &sign_in_form("p3"), None);
    let managed = from_managed_network(untrusted.clone());
    let mut processes = [fixture.start("login"), fixture.start("login")];
    for mode in [AnswerMode::Engine, AnswerMode::Replay] {
        fixture.aws.set_mode(mode);
        for process in &processes {
            for event in [&untrusted, &managed] {
                assert_eq!(process.invoke(event).0, 200);
            }
        }
    }
    let argon2 = baseline("baseline-argon2");
    let argon2_avx2 = workspace().join("target/bench/avx2/release/baseline-argon2");
    let mut all = Hashes::default();
    for _ in 0..RUNS {
        for (event, sign_ins) in [(&managed, &mut all.managed_network), (&untrusted, &mut all.untrusted)] {
            let before = processes[0].cpu();
            for _ in 0..SIGN_INS {
                assert_eq!(processes[0].invoke(event).0, 200);
            }
            sign_ins.cpu.add((processes[0].cpu() - before) / f64::from(SIGN_INS));
            sign_ins.per_second.add(parallel_sign_ins(&mut processes, event));
        }
        all.baseline.add(hash(&argon2, "reused", 1).0);
        all.baseline_fresh.add(hash(&argon2, "fresh", 1).0);
        all.baseline_avx2.add(hash(&argon2_avx2, "reused", 1).0);
        all.baseline_per_second.add(2.0 * f64::from(SIGN_INS) / hash(&argon2, "reused", 2).1);
    }
    all
}

/// Milliseconds of CPU time per hash, and seconds of wall time for all.
fn hash(program: &Path, memory: &str, threads: u32) -> (f64, f64) {
    let arguments = [memory.to_owned(), threads.to_string(), SIGN_INS.to_string()];
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
    (numbers.next().expect("CPU time") / 1e6, numbers.next().expect("wall time") / 1e9)
}

/// Sign-ins per second with one process per core.
fn parallel_sign_ins(processes: &mut [FunctionProcess; 2], login: &Value) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for process in processes {
            scope.spawn(move || {
                for _ in 0..SIGN_INS {
                    assert_eq!(process.invoke(login).0, 200);
                }
            });
        }
    });
    2.0 * f64::from(SIGN_INS) / started.elapsed().as_secs_f64()
}
