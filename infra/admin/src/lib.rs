//! `cargo admin`: the desk's commands, the directory import, restore, upload of the site, and checks of a deployment.
//!
//! It finds the tables through the file that the local stack writes, or through CloudFormation, and has the permissions of
//! whoever runs it. `site` and `doctor` call the AWS command line, and `doctor` calls `dig`.

mod aws_cli;
pub mod cli;
mod desk;
mod doctor;
mod import;
mod restore;
mod site;
mod stack;
mod store;
