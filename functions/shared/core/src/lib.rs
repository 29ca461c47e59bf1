//! What Guichet is about, below HTTP and Lambda: accounts, link tokens, passwords, sessions, the clients' classes,
//! and the tables that keep them.
//!
//! Knows the tables' layout (`store`), the secrets, the configuration, the clients of AWS, the log and its metrics. Does not
//! know requests, responses, status codes, mails or the Lambda runtime. What a decision or a secret rests on, the time and
//! chance, is handed in; marks that need only differ are taken here. [`clock`] and [`chance`] are the only doors to the real
//! ones.

pub mod account;
pub mod aws;
pub mod chance;
pub mod class;
pub mod clock;
pub mod config;
pub mod device;
pub mod keys;
pub mod log;
pub mod mailbox;
pub mod metrics;
mod outside;
pub mod password;
pub mod person;
pub mod quota;
pub mod rehearsal;
pub mod secret;
pub mod session;
pub mod store;
pub mod throttle;

#[cfg(test)]
mod honest_people;
