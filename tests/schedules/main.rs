//! Random schedules: people ask, mailers work, clocks go on, calls are lost and functions die in any order, and each step
//! is held to a small model of the invariants (`model.rs`). It is the real functions that are called, in this process; only
//! what they call is played (`world.rs`), so that a schedule takes milliseconds.
//!
//! `cargo test --test schedules -- 10000 SEED` plays so many of them, half of them in each of two processes. One that fails
//! is shrunk, and told with the seed that leads to it.

#![expect(clippy::expect_used, reason = "what is unwrapped here is held by the test")]

mod model;
mod steps;
mod world;

use guichet_cfn::template::StackDefinition;
use guichet_local::portal_template;
use guichet_platform::aws::Aws;
use guichet_platform::env;
use model::Play;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use steps::schedules;
use world::World;

/// So many where no number is given.
const SOME: u32 = 400;
const PROCESSES: u32 = 2;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let count = numbers.first().map_or(SOME, |count| u32::try_from(*count).expect("a number of schedules"));
    let seed = numbers.get(1).copied().unwrap_or_else(|| std::process::id().into());
    match env::required("GUICHET_FAILPOINTS") {
        Ok(rehearsal) => play(count, seed, &PathBuf::from(rehearsal)),
        Err(_) => share(count, seed),
    }
}

/// The functions read what they need from the environment, as on Lambda: each half is played by a process that has it.
fn share(count: u32, seed: u64) -> ExitCode {
    let system = described();
    let begun = Instant::now();
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|n| {
            let rehearsal = tempfile::tempdir().expect("a folder");
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command
                .args([(count / PROCESSES).max(1).to_string(), (seed + u64::from(n)).to_string()])
                .env("GUICHET_FAILPOINTS", rehearsal.path())
                .envs(system.functions.iter().flat_map(|function| &function.variables))
                .env("MANAGED_NETWORKS", "10.0.0.0/8")
                .envs([
                    ("AWS_REGION", portal_template::REGION),
                    ("AWS_ACCESS_KEY_ID", "local"),
                    ("AWS_SECRET_ACCESS_KEY", "local"),
                    ("AWS_ENDPOINT_URL", "http://aws.invalid"),
                    ("AWS_CONFIG_FILE", "/dev/null"),
                    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
                ])
                // Metrics go there.
                .stdout(Stdio::null());
            (command.spawn().expect("a process"), rehearsal)
        })
        .collect();
    let held = children.iter_mut().filter_map(|(child, _)| child.wait().ok()).filter(|ended| ended.success()).count();
    let failed = children.len() - held;
    println!("{count} schedules from seed {seed} in {:.0?}", begun.elapsed());
    println!("test result: {}. {held} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn described() -> StackDefinition {
    let file = guichet_tests::workspace().join("infra/template.yaml");
    portal_template::read(&file, "schedules", 3000, &BTreeMap::new()).expect("the template").stack
}

fn play(count: u32, seed: u64, rehearsal: &std::path::Path) -> ExitCode {
    // Time goes on where somebody waits for it, and at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let aws = Aws::from_env().expect("an environment as Lambda's");
    let tables: Vec<(String, Value)> =
        described().tables.into_iter().map(|table| (table.logical_id, table.create_table)).collect();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    // Each of those on the way to the smallest would tell of itself.
    std::panic::set_hook(Box::new(|_| {}));
    let ended = runner.run(&schedules(), |steps| {
        runtime.block_on(async {
            let mut play = Play::new(World::new(&aws, &tables, rehearsal.to_owned()).await).await;
            for step in &steps {
                play.step(step).await;
            }
            play.settle().await;
        });
        Ok(())
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("seed {seed}: {failure}");
            ExitCode::FAILURE
        }
    }
}
