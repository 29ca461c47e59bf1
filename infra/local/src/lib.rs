//! `cargo dev`: runs the stack of `infra/template.yaml` on one machine.
//!
//! One loopback port emulates CloudFront and API Gateway. Functions run as processes behind cargo-lambda. An embedded
//! engine emulates DynamoDB; SES and Secrets Manager are files. `start` wires it all.
//!
//! This crate knows the functions only through the template, and imports the directory by running `guichet-admin`.

#[macro_use]
pub mod console;
mod aws;
pub mod cargo_build;
pub mod cli;
mod data_folder;
mod edge;
mod embedded_engine;
mod event_bus;
pub mod faults;
mod gateway;
mod host;
mod http_proxy;
pub mod in_process;
mod invoker;
mod mailbox;
mod pages;
mod permissions;
mod portal;
pub mod portal_template;
pub mod process_log;
mod runtime_api;
mod runtime_proxy;
mod schedule;
mod seed_directory;
pub mod start;
mod static_site;
mod stream_poller;
mod supervisor;
mod tables;
