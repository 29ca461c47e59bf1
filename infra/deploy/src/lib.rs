//! What `cargo dev` and `cargo admin` share: the file by which they find each other, the site as it is served,
//! packaging for Lambda, and the checks of a deployment.
//!
//! This crate depends neither on the local stack nor on the AWS SDK. It runs `aws`, `dig`, `cargo`, and `git` as
//! programs.

mod aws_cli;
pub mod cargo_lambda;
pub mod child_guard;
pub mod doctor;
pub mod html;
pub mod package;
pub mod site;
pub mod stack_info;
pub mod workspace;
