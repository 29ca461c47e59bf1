//! The faults that the portal survives. Each is played at the wire before the real functions; then all invariants are
//! checked (`tests/src/invariants.rs`), and what was seen is written to `tests/FAULTS.md`.

#![expect(clippy::expect_used, reason = "what is unwrapped here is held by the test")]

mod clocks;
mod doors;
mod mails;
mod passwords;
mod sign_ins;
mod stores;
mod streams;

use futures_util::future::BoxFuture;
use guichet_tests::{Answer, FaultScenario, INVARIANTS, Portal, workspace};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// One fault: its number, what happens, what is looked at most closely, and its story.
struct Fault {
    id: &'static str,
    what: &'static str,
    invariants: &'static str,
    name: &'static str,
    story: for<'a> fn(&'a mut FaultScenario) -> BoxFuture<'a, ()>,
}

/// The gateway's own answer for a function that died.
fn gone(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (500, ""), "{answer:?}");
}

/// The list of a file's faults.
macro_rules! faults {
    ($($id:literal $what:literal $invariants:literal $story:ident;)*) => {
        pub(crate) const FAULTS: &[crate::Fault] = &[$(crate::Fault {
            id: $id, what: $what, invariants: $invariants,
            name: concat!(module_path!(), "::", stringify!($story)),
            story: |scenario| Box::pin($story(scenario)),
        }),*];
    };
}
use faults;

/// Stacks that nobody is on.
static FREE: Mutex<Vec<Portal>> = Mutex::new(Vec::new());
/// What was seen of each fault.
static SEEN: Mutex<BTreeMap<&str, bool>> = Mutex::new(BTreeMap::new());

fn all() -> Vec<&'static Fault> {
    let mut all: Vec<_> = [
        mails::FAULTS,
        doors::FAULTS,
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

fn meet(fault: &Fault) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let met = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let free = FREE.lock().expect("the stacks").pop();
            let mut scenario = match free {
                Some(portal) => FaultScenario::on(portal).await,
                None => FaultScenario::new().await,
            };
            (fault.story)(&mut scenario).await;
            scenario.assert_invariants().await;
            FREE.lock().expect("the stacks").extend(scenario.leave().await);
        });
    }));
    SEEN.lock().expect("what was seen").insert(fault.id, met.is_ok());
    met.map_err(|_| format!("{} is not held: {}", fault.id, fault.what).into())
}

fn table() -> String {
    let mut table = "# Faults\n\nWritten by `cargo test --test faults`, which plays each of these at the wire before the real functions, lets it end,\n\
        and then checks all thirteen invariants from the tables, the mailbox and the public doors (`tests/src/invariants.rs`).\n\
        The column names those that the fault strains.\n\n| fault | what happens | result | invariants | test |\n|---|---|---|---|---|\n".to_owned();
    let seen = SEEN.lock().expect("what was seen");
    for fault in all() {
        let result = match seen.get(fault.id) {
            Some(true) => "held",
            Some(false) => "not held",
            None => "did not run",
        };
        let name = fault.name.trim_start_matches("faults::");
        writeln!(table, "| {} | {} | {result} | {} | `{name}` |", fault.id, fault.what, fault.invariants)
            .expect("text");
    }
    table += "\n| invariant | |\n|---|---|\n";
    for (name, what) in INVARIANTS {
        writeln!(table, "| {name} | {what} |").expect("text");
    }
    let held = seen.values().filter(|held| **held).count();
    writeln!(table, "\n{} faults ran, {held} held, {} not held.", seen.len(), seen.len() - held).expect("text");
    table
}

fn main() {
    let mut arguments = Arguments::from_args();
    // More stacks at once than this keep each other from answering in time.
    arguments.test_threads = arguments.test_threads.or(Some(3));
    let trials = all().into_iter().map(|fault| {
        let name = format!("{} {}: {}", fault.id, fault.name.trim_start_matches("faults::"), fault.what);
        Trial::test(name, move || meet(fault))
    });
    let everything = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // The last look for secrets is at the end of each stack.
    let ended = catch_unwind(|| FREE.lock().expect("the stacks").clear()).is_ok();
    if everything {
        std::fs::write(workspace().join("tests/FAULTS.md"), table()).expect("the table is written");
    }
    assert!(ended, "a stack gives a secret away");
    conclusion.exit();
}
