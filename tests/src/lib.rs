//! The test harness: starts local stacks and provides verbs for what people do on them.
//!
//! Everything under test is real: the function binaries, the SDKs, a DynamoDB engine, and the template's routes,
//! streams, and schedule. Only the tests that read the tables depend on how the functions work.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a failed expectation fails the test")]

mod accessibility;
mod browser;
mod build;
mod chromium;
mod engine;
mod fault_scenario;
mod faults;
mod functions;
mod invariants;
mod keys;
mod lambda;
mod leak_scanner;
mod mailbox;
mod person;
mod portal;
mod tables;
mod visitor;
mod wait;

pub use accessibility::{has_axe, lighthouse};
pub use browser::Browser;
pub use build::{admin_binary, local_binary, pages, sources, workspace};
pub use engine::dynamodb;
pub use fault_scenario::FaultScenario;
pub use invariants::INVARIANTS;
pub use mailbox::Mail;
pub use person::Person;
pub use portal::{Portal, Setup, signal};
pub use visitor::{ApiResponse, Visitor, until_refused};
