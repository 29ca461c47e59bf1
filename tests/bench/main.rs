//! `cargo bench-portal` measures and writes `RESULTS.md`. With an argument it does less:
//!
//! - `call_counts` checks the limits on AWS calls and package sizes, which do not vary between machines.
//! - `functions` measures the packaged functions and the baselines without the comparisons, to try out a change.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure stops")]

mod aws;
mod call_counts;
mod cold_starts;
mod comparisons;
mod fixture;
mod hashes;
mod http;
mod lambda;
mod portal;
mod results;
mod sample;

use call_counts::ROUND_TRIPS;
use cold_starts::ColdStart;
use comparisons::Comparisons;
use fixture::Fixture;
use guichet_tests::{admin_binary, workspace};
use results::Measurements;
use std::process::Command;

/// Numbers of accounts.
const SMALL: usize = 1_000;
const MEDIUM: usize = 20_000;
const LARGE: usize = 1_000_000;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("call_counts") => check_call_counts(),
        Some("functions") => measure_functions(),
        _ => measure_all(),
    }
}

/// Panics if a limit is exceeded. Uses the functions as they were last packaged.
fn check_call_counts() {
    let (small, medium) = (call_counts::user_journey(SMALL), call_counts::user_journey(MEDIUM));
    assert_eq!(small, medium, "the cost of a step does not depend on the number of accounts");
    for limit in ROUND_TRIPS {
        let cost = small.iter().find(|cost| cost.step == limit.step).expect("a step");
        assert!(cost.round_trips <= limit.limit, "{}: {} sequential round trips", cost.step, cost.round_trips);
    }
    for (name, bytes) in call_counts::package_sizes(&function_names()) {
        println!("{name:<16} {bytes:>9} bytes zipped");
        assert!(bytes <= call_counts::package_limit(&name), "{name}: {bytes} bytes zipped");
    }
    for cost in small {
        println!("{cost:?}");
    }
    // The format that .ci/run sums up.
    println!("test result: ok. 3 passed; 0 failed");
}

/// Uses the functions and the baselines as they were last built.
fn measure_functions() {
    let fixture = Fixture::with_accounts(SMALL);
    for ColdStart { name, elapsed, cpu, memory, warm, .. } in cold_starts::measure(&fixture, None) {
        println!("{name:<24} {elapsed} ms, CPU {cpu} ms, {memory} MB, CPU of a warm event {warm} ms");
    }
    let hashes = hashes::measure(&fixture);
    println!("Argon2id baseline        {} ms, {} per second", hashes.baseline, hashes.baseline_per_second);
    for (client, sign_ins) in [("managed network", &hashes.managed_network), ("untrusted", &hashes.untrusted)] {
        println!("sign-in, {client:<15} {} ms, {} per second", sign_ins.cpu, sign_ins.per_second);
    }
}

fn function_names() -> Vec<String> {
    Fixture::with_accounts(0).functions().iter().map(|function| function.name.clone()).collect()
}

fn measure_all() {
    build();
    let comparisons = Comparisons::install();
    let fixture = Fixture::with_accounts(SMALL);
    let measurements = Measurements {
        functions: fixture.functions().to_vec(),
        packages: call_counts::package_sizes(&function_names()),
        cold_starts: announce("cold starts", || cold_starts::measure(&fixture, Some(&comparisons))),
        aws_call: announce("one AWS call", || cold_starts::measure_call(&fixture)),
        hashes: announce("hashes", || hashes::measure(&fixture)),
        other_hashes: announce("hashes of other implementations", || comparisons.hashes()),
        other_sign_ins: announce("sign-ins of other frameworks", || comparisons.sign_ins_per_second()),
        mail_latency: announce("mail latency", portal::mail_latency),
        imports: announce("imports", || [5_000, 20_000].map(portal::import).into()),
        dev: announce("cargo dev", portal::dev),
        journeys: [SMALL, MEDIUM, LARGE]
            .map(|accounts| (accounts, announce("AWS calls", || call_counts::user_journey(accounts))))
            .into(),
    };
    let document = measurements.document();
    std::fs::write(workspace().join("tests/bench/RESULTS.md"), &document).expect("RESULTS.md is written");
    println!("{document}");
}

fn announce<T>(what: &str, measure: impl FnOnce() -> T) -> T {
    println!("measuring: {what}");
    measure()
}

/// Builds the functions as they are deployed, and the baselines with the same profile.
fn build() {
    let cargo = |arguments: &[&str], flags: &str| {
        let mut command = Command::new("cargo");
        if !flags.is_empty() {
            command.env("RUSTFLAGS", flags);
        }
        let status = command.current_dir(workspace()).args(arguments).status().expect("cargo runs");
        assert!(status.success(), "{arguments:?}");
    };
    let packaged = Command::new(admin_binary()).arg("package").status().expect("guichet-admin runs");
    assert!(packaged.success(), "the functions are packaged");
    cargo(&["build", "--release", "--package", "guichet-baselines"], "");
    let argon2_only = [
        "build",
        "--release",
        "--package",
        "guichet-baselines",
        "--no-default-features",
        "--target-dir",
        "target/bench/avx2",
    ];
    cargo(&argon2_only, "-C target-cpu=x86-64-v3");
}
