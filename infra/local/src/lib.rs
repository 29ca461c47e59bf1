//! `cargo dev`: the whole portal on one machine.
//!
//! It reads `infra/template.yaml` and plays what that describes: CloudFront and API Gateway on one port of the loopback
//! interface, Lambda through cargo-lambda, DynamoDB by an emulator, SES as a mailbox, Secrets Manager as a file.
//! `start` tells the story.
//!
//! It depends on no other crate of ours, and knows nothing of accounts, passwords or what a function does: functions are
//! programs that it starts, with the environment and the policy that the template gives them, and the staff is brought
//! in by `cargo admin`, another program. What it tells that one stands in `running`.

pub mod aws;
mod bell;
mod bus;
pub mod cli;
pub mod compile;
mod data;
mod edge;
mod embedded;
mod fleet;
mod gateway;
mod hands;
mod invoke;
mod log;
mod machine;
mod mailbox;
mod pages;
mod permissions;
mod portal;
pub mod portal_template;
mod runtime_api;
mod schedule;
pub mod site;
mod staff;
pub mod start;
mod tables;
mod wire;
