//! How fast and how cheap: `cargo bench-portal` measures, and writes `RESULTS.md`; `cargo bench-portal counts` only counts
//! what cannot vary from machine to machine; `cargo bench-portal own` looks at the packaged functions alone, without others
//! beside them, for who changes something.

#![expect(clippy::expect_used, reason = "what cannot be measured stops the measuring")]

mod aws;
mod counts;
mod ground;
mod hashes;
mod http;
mod lambda;
mod peers;
mod portal;
mod results;
mod sample;
mod starts;

use counts::MOST;
use ground::Ground;
use guichet_tests::{binary, workspace};
use results::Measured;
use starts::Started;
use std::process::Command;

/// How many have an account.
const FEW: usize = 1_000;
const ALL: usize = 20_000;
const MANY: usize = 1_000_000;
/// What was changed to reach a row, and what was tried.
const TRIED: &str = include_str!("TRIED.md");

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("counts") => count(),
        Some("own") => own(),
        _ => measure(),
    }
}

/// Fails where a count is more than it may be. The functions are those that were packaged last.
fn count() {
    let (few, all) = (counts::story(FEW), counts::story(ALL));
    assert_eq!(few, all, "what a story costs does not depend on how many have an account");
    for (step, _, most) in MOST {
        let work = few.iter().find(|work| work.step == step).expect("a step");
        assert!(work.round_trips <= most, "{step}: {} round trips, one after the other", work.round_trips);
    }
    let packages = counts::packages(&names());
    for (name, bytes) in &packages {
        println!("{name:<16} {bytes:>9} bytes zipped");
        assert!(*bytes <= counts::largest(name), "{name} is {bytes} bytes, zipped");
    }
    for work in few {
        println!("{work:?}");
    }
    println!("test result: ok. 3 passed; 0 failed");
}

/// The functions that were packaged last, and the floors that were built last.
fn own() {
    let ground = Ground::with(FEW);
    for Started { name, elapsed, cpu, memory, warm, .. } in starts::measure(&ground, None) {
        println!("{name:<20} {elapsed} ms, {cpu} ms of processor, {memory} MB, later {warm} ms");
    }
    let hashes = hashes::measure(&ground);
    println!("bare hash            {} ms, {} a second", hashes.bare, hashes.bare_a_second);
    for (from, sign_ins) in [("at work", &hashes.at_work), ("outside", &hashes.outside)] {
        println!("sign-in {from:<12} {} ms, {} a second", sign_ins.cpu, sign_ins.a_second);
    }
}

fn names() -> Vec<String> {
    Ground::with(0).functions().iter().map(|function| function.name.clone()).collect()
}

fn measure() {
    build();
    let peers = peers::Peers::install();
    let ground = Ground::with(FEW);
    let measured = Measured {
        functions: ground.functions().to_vec(),
        packages: counts::packages(&names()),
        starts: told("starts", || starts::measure(&ground, Some(&peers))),
        bare_call: told("the bare call", || starts::bare_call(&ground)),
        hashes: told("hashes", || hashes::measure(&ground)),
        faster: told("others' hashes", || peers.hashes()),
        others: told("others' sign-ins", || peers.sign_ins_a_second()),
        bell: told("the bell", portal::bell),
        imports: told("imports", || [5_000, 20_000].map(portal::import).into()),
        dev: told("cargo dev", portal::dev),
        stories: [FEW, ALL, MANY].map(|people| (people, told("story", || counts::story(people)))).into(),
    };
    let document = format!("{}\n{TRIED}", measured.document());
    std::fs::write(workspace().join("tests/bench/RESULTS.md"), &document).expect("RESULTS.md is written");
    println!("{document}");
}

fn told<T>(what: &str, work: impl FnOnce() -> T) -> T {
    println!("measuring: {what}");
    work()
}

/// The functions as they are deployed, and the floors in the same profile.
fn build() {
    let cargo = |arguments: &[&str], flags: &str| {
        let mut command = Command::new("cargo");
        if !flags.is_empty() {
            command.env("RUSTFLAGS", flags);
        }
        let ended = command.current_dir(workspace()).args(arguments).status().expect("cargo runs");
        assert!(ended.success(), "{arguments:?}");
    };
    let packaged = Command::new(binary("guichet-admin")).arg("package").status().expect("it runs");
    assert!(packaged.success(), "the functions are packaged");
    cargo(&["build", "--release", "--package", "guichet-floors"], "");
    let hash = [
        "build",
        "--release",
        "--package",
        "guichet-floors",
        "--no-default-features",
        "--target-dir",
        "target/bench/avx2",
    ];
    cargo(&hash, "-C target-cpu=x86-64-v3");
}
