//! `cargo dev`.

use clap::Parser;
use guichet_local::cli::{Cli, Command};
use guichet_local::package::{self, Architecture};
use guichet_local::{start, tether};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.command {
        Some(Command::Tether { words }) => Err(tether::become_program(&words)),
        Some(Command::Package { arm64 }) => {
            package::package(if arm64 { Architecture::Arm } else { Architecture::X86 }).await
        }
        None => start::run(&cli.options).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cargo dev: {failure:#}");
            ExitCode::FAILURE
        }
    }
}
