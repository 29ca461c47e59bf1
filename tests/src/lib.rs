//! The harness: brings the local stack up, and lets people do on it what people do.
//!
//! Everything under test is real: the function binaries, the SDKs up to the socket, a DynamoDB engine, the template's
//! own routes, streams and schedule. Nothing here knows how the functions are made, but for the few stories that look
//! into the tables.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a harness that cannot go on stops its test")]

mod accessibility;
mod browser;
mod build;
mod chromium;
mod engine;
mod fault_scenario;
mod faults;
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
pub use build::{binary, pages, sources, workspace};
pub use engine::dynamodb;
pub use fault_scenario::FaultScenario;
pub use invariants::INVARIANTS;
pub use mailbox::Mail;
pub use person::Person;
pub use portal::{Portal, Setup, process_cleanup, signal};
pub use visitor::{Answer, Visitor};
