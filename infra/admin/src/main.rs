//! `cargo admin`: what the desk and the directory's nightly job run.

use clap::Parser;
use guichet_admin::cli::{self, Cli};
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await
}
