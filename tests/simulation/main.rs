//! Simulation tests: random sequences of user actions, mailer runs, clock jumps, lost AWS calls, and function crashes.
//! A model of the invariants (`model.rs`) checks every step. The functions and the SDK are the real ones, in process;
//! an in-memory AWS (`world.rs`) answers their calls, so a sequence takes milliseconds.
//!
//! `cargo simulation COUNT SEED` runs COUNT sequences, split over two processes. A failing sequence is shrunk and printed
//! with its seed.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

mod actions;
mod model;
mod world;

use actions::sequences;
use guichet_cfn::template::StackDefinition;
use guichet_local::portal_template;
use guichet_platform::aws::Aws;
use guichet_platform::env;
use model::Model;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;
use world::World;

const DEFAULT_COUNT: u32 = 400;
const PROCESSES: u32 = 2;

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let count = numbers.first().map_or(DEFAULT_COUNT, |count| u32::try_from(*count).expect("a count of sequences"));
    let seed = numbers.get(1).copied().unwrap_or_else(|| std::process::id().into());
    match env::required("GUICHET_FAILPOINTS") {
        Ok(failpoints) => run(count, seed, &PathBuf::from(failpoints)),
        Err(_) => spawn_processes(count, seed),
    }
}

/// The functions read their configuration from the environment, as on Lambda, so each share runs in a child process.
fn spawn_processes(count: u32, seed: u64) -> ExitCode {
    let stack = stack_definition();
    let start = Instant::now();
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|n| {
            let failpoints = tempfile::tempdir().expect("a folder");
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command
                .args([(count / PROCESSES).max(1).to_string(), (seed + u64::from(n)).to_string()])
                .env("GUICHET_FAILPOINTS", failpoints.path())
                .envs(stack.functions.iter().flat_map(|function| &function.variables))
                .env("MANAGED_NETWORKS", "10.0.0.0/8")
                .envs([
                    ("AWS_REGION", portal_template::REGION),
                    ("AWS_ACCESS_KEY_ID", "local"),
                    ("AWS_SECRET_ACCESS_KEY", "local"),
                    ("AWS_ENDPOINT_URL", "http://aws.invalid"),
                    ("AWS_CONFIG_FILE", "/dev/null"),
                    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
                ])
                // The functions print their metrics to stdout.
                .stdout(Stdio::null());
            (command.spawn().expect("a process"), failpoints)
        })
        .collect();
    let passed = children.iter_mut().filter_map(|(child, _)| child.wait().ok()).filter(ExitStatus::success).count();
    let failed = children.len() - passed;
    println!("{count} sequences from seed {seed} in {:.0?}", start.elapsed());
    println!("test result: {}. {passed} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn stack_definition() -> StackDefinition {
    let file = guichet_tests::workspace().join("infra/template.yaml");
    portal_template::read(&file, "simulation", 3000, &BTreeMap::new()).expect("the template").stack
}

fn run(count: u32, seed: u64, failpoints: &Path) -> ExitCode {
    // With a paused clock, tokio skips every sleep.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let aws = Aws::from_env().expect("an environment like Lambda's");
    let tables: Vec<(String, Value)> =
        stack_definition().tables.into_iter().map(|table| (table.logical_id, table.create_table)).collect();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: count, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    // Without this, every failing candidate of the shrinking prints its panic.
    std::panic::set_hook(Box::new(|_| {}));
    let result = runner.run(&sequences(), |steps| {
        runtime.block_on(async {
            let mut model = Model::new(World::new(&aws, &tables, failpoints.to_owned()).await).await;
            for step in &steps {
                model.step(step).await;
            }
            model.drain().await;
        });
        Ok(())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("seed {seed}: {failure}");
            ExitCode::FAILURE
        }
    }
}
