//! What a sign-in costs beside the hash in it.

use crate::aws::Mode;
use crate::ground::{Ground, sign_in};
use crate::lambda::{Instance, at_work, event};
use crate::sample::{RUNS, Sample};
use crate::starts::floor;
use guichet_tests::workspace;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const SIGN_INS: u32 = 30;

/// Sign-ins from a managed workstation, as of a known device, and from outside without one, which counts at the address and
/// on the brake besides.
#[derive(Default)]
pub struct SignIns {
    /// Milliseconds of processor time of one.
    pub cpu: Sample,
    /// In a second, both cores busy.
    pub a_second: Sample,
}

/// Milliseconds of processor time, but for what is of a second.
#[derive(Default)]
pub struct Hashes {
    pub at_work: SignIns,
    pub outside: SignIns,
    /// The same hash, alone, in memory that is kept.
    pub bare: Sample,
    /// In new memory for each.
    pub bare_fresh: Sample,
    /// Built for processors with AVX2, as all of Lambda's are.
    pub bare_avx2: Sample,
    pub bare_a_second: Sample,
}

/// Measures them in turn.
pub fn measure(ground: &Ground) -> Hashes {
    ground.aws.answers(Mode::Real);
    ground.settle("p3");
    let outside = event("POST /api/login", &sign_in("p3"), None);
    let inside = at_work(outside.clone());
    let mut instances = [ground.start("login"), ground.start("login")];
    for mode in [Mode::Real, Mode::Again] {
        ground.aws.answers(mode);
        for instance in &instances {
            for event in [&outside, &inside] {
                assert_eq!(instance.invoke(event).0, 200);
            }
        }
    }
    let avx2 = workspace().join("target/bench/avx2/release/floor-argon2");
    let mut all = Hashes::default();
    for _ in 0..RUNS {
        for (event, sign_ins) in [(&inside, &mut all.at_work), (&outside, &mut all.outside)] {
            let before = instances[0].cpu();
            for _ in 0..SIGN_INS {
                assert_eq!(instances[0].invoke(event).0, 200);
            }
            sign_ins.cpu.add((instances[0].cpu() - before).as_secs_f64() * 1e3 / f64::from(SIGN_INS));
            sign_ins.a_second.add(both(&mut instances, event));
        }
        all.bare.add(hash(&floor("floor-argon2"), "kept", 1).0);
        all.bare_fresh.add(hash(&floor("floor-argon2"), "fresh", 1).0);
        all.bare_avx2.add(hash(&avx2, "kept", 1).0);
        all.bare_a_second.add(2.0 * f64::from(SIGN_INS) / hash(&floor("floor-argon2"), "kept", 2).1);
    }
    all
}

/// Milliseconds of processor time for one, and seconds by the clock for all.
fn hash(program: &Path, memory: &str, threads: u32) -> (f64, f64) {
    let words = [memory.to_owned(), threads.to_string(), SIGN_INS.to_string()];
    let output = Command::new(program).args(words).output().expect("it hashes");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
    (numbers.next().expect("one") / 1e6, numbers.next().expect("two") / 1e9)
}

fn both(instances: &mut [Instance; 2], login: &Value) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for instance in instances {
            scope.spawn(move || {
                for _ in 0..SIGN_INS {
                    assert_eq!(instance.invoke(login).0, 200);
                }
            });
        }
    });
    2.0 * f64::from(SIGN_INS) / begun.elapsed().as_secs_f64()
}
