//! The harness: brings the local stack up, and lets people do on it what people do.
//!
//! Everything under test is real: the function binaries, the SDKs up to the socket, a DynamoDB engine, the template's
//! own routes, streams and schedule. Nothing here knows how the functions are made, but for the few stories that look
//! into the tables.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a harness that cannot go on stops its test")]

mod browser;
mod build;
mod chromium;
mod engine;
mod faults;
mod ground;
mod invariants;
mod keys;
mod lambda;
mod looks;
mod mailbox;
mod patience;
mod portal;
mod staff;
mod tables;
mod traces;
mod visitor;

pub use browser::Browser;
pub use build::{binary, pages, sources, workspace};
pub use engine::dynamodb;
pub use ground::Ground;
pub use invariants::INVARIANTS;
pub use looks::{has_axe, lighthouse};
pub use mailbox::Mail;
pub use portal::{Portal, Setup, left_behind, signal};
pub use staff::Person;
pub use visitor::{Answer, Visitor};
