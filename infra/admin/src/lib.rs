//! `cargo admin`: the desk's commands, the directory import, restore, upload of the site, and checks of a deployment.
//!
//! It finds the tables through the file that the local stack writes, or through CloudFormation, and uses the
//! credentials of its user. `site`, `doctor`, and `package` are those of `guichet-deploy`.

pub mod cli;
mod desk;
mod import;
mod restore;
mod stack;
mod store;
