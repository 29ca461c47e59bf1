//! Fault injection: each fault is injected into a running stack, then all invariants are checked
//! (`tests/src/invariants.rs`). The results are written to `tests/FAULTS.md`.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

mod clocks;
mod link_requests;
mod mails;
mod passwords;
mod sign_ins;
mod stores;
mod streams;

use futures_util::future::BoxFuture;
use guichet_tests::{ApiResponse, FaultScenario, INVARIANTS, Portal, workspace};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

struct Fault {
    id: &'static str,
    title: &'static str,
    /// The invariants that the fault endangers most.
    invariants: &'static str,
    name: &'static str,
    /// Whether it kills or suspends function processes. The others run in this process.
    needs_processes: bool,
    run: for<'a> fn(&'a mut FaultScenario) -> BoxFuture<'a, ()>,
}

/// Asserts the gateway's response for a killed function.
fn assert_gateway_500(answer: &ApiResponse) {
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (500, ""), "{answer:?}");
}

/// Defines the faults of a module.
macro_rules! faults {
    ($($id:literal $title:literal $invariants:literal $run:ident $(on $processes:ident)?;)*) => {
        pub(crate) const FAULTS: &[crate::Fault] = &[$(crate::Fault {
            id: $id, title: $title, invariants: $invariants,
            name: concat!(module_path!(), "::", stringify!($run)),
            needs_processes: { const MARKS: &[&str] = &[$(stringify!($processes))?]; !MARKS.is_empty() },
            run: |scenario| Box::pin($run(scenario)),
        }),*];
    };
}
use faults;

/// Idle stacks, by whether their functions are processes.
static IDLE_STACKS: Mutex<BTreeMap<bool, Vec<Portal>>> = Mutex::new(BTreeMap::new());
/// Whether each fault passed.
static RESULTS: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());

fn all() -> Vec<&'static Fault> {
    let mut all: Vec<_> = [
        mails::FAULTS,
        link_requests::FAULTS,
        passwords::FAULTS,
        sign_ins::FAULTS,
        stores::FAULTS,
        streams::FAULTS,
        clocks::FAULTS,
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|fault| fault.id);
    all
}

fn run(fault: &Fault) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let idle = IDLE_STACKS.lock().expect("the stacks").entry(fault.needs_processes).or_default().pop();
            let mut scenario = match idle {
                Some(portal) => FaultScenario::on(portal).await,
                None => FaultScenario::new(fault.needs_processes).await,
            };
            (fault.run)(&mut scenario).await;
            scenario.assert_invariants().await;
            let idle = scenario.release().await;
            IDLE_STACKS.lock().expect("the stacks").entry(fault.needs_processes).or_default().extend(idle);
        });
    }));
    RESULTS.lock().expect("results").insert(fault.id, result.is_ok());
    result.map_err(|_| format!("{} failed: {}", fault.id, fault.title).into())
}

fn table() -> String {
    let mut table = "# Faults\n\nWritten by `cargo test --test faults`. Each fault is injected between the real functions and what they call; after it ends, all\n\
        thirteen invariants are checked through the tables, the mailbox, and the API (`tests/src/invariants.rs`). The column names\n\
        those that the fault endangers most.\n\n| fault | what happens | result | invariants | test |\n|---|---|---|---|---|\n".to_owned();
    let results = RESULTS.lock().expect("results");
    for fault in all() {
        let result = match results.get(fault.id) {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "did not run",
        };
        let name = fault.name.trim_start_matches("faults::");
        writeln!(table, "| {} | {} | {result} | {} | `{name}` |", fault.id, fault.title, fault.invariants)
            .expect("text");
    }
    table += "\n| invariant | |\n|---|---|\n";
    for (name, text) in INVARIANTS {
        writeln!(table, "| {name} | {text} |").expect("text");
    }
    let passed = results.values().filter(|passed| **passed).count();
    writeln!(table, "\n{} faults ran, {passed} passed, {} failed.", results.len(), results.len() - passed)
        .expect("text");
    table
}

fn main() {
    let mut arguments = Arguments::from_args();
    // More stacks at once would slow each other down beyond the time limits.
    arguments.test_threads = arguments.test_threads.or(Some(3));
    let trials = all().into_iter().map(|fault| {
        let name = format!("{} {}: {}", fault.id, fault.name.trim_start_matches("faults::"), fault.title);
        Trial::test(name, move || run(fault))
    });
    let is_complete = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Dropping a stack searches its files for leaked secrets.
    let has_no_leak = catch_unwind(|| IDLE_STACKS.lock().expect("the stacks").clear()).is_ok();
    if is_complete {
        std::fs::write(workspace().join("tests/FAULTS.md"), table()).expect("the table is written");
    }
    assert!(has_no_leak, "a stack leaks a secret");
    conclusion.exit();
}
