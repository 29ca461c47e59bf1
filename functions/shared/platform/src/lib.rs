//! Access to the outside world: environment, clock, randomness, log, metrics, AWS clients, and secrets.
//!
//! Each has one entry point here, which `clippy::disallowed_methods` enforces.

pub mod aws;
pub mod clock;
pub mod env;
pub mod failpoint;
pub mod log;
pub mod metrics;
pub mod process;
pub mod random;
pub mod secrets;
pub mod settings;
