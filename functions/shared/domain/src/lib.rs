//! What Guichet is about, without I/O: accounts, passwords, links, sessions, mail requests, and the limits on them.
//!
//! This crate knows neither AWS nor HTTP. Time, randomness, and keys are parameters.

pub mod account;
pub mod attempt_limits;
pub mod circuit_breaker;
pub mod client;
pub mod counter;
pub mod device;
pub mod email_address;
pub mod event;
pub mod keys;
pub mod mail_request;
pub mod password;
pub mod person;
pub mod rate_limit;
pub mod reset_token;
pub mod secret;
pub mod session;
pub mod source_limits;
pub mod time;
