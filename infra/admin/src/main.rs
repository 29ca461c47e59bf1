//! `cargo admin`: what the desk and the directory's nightly job run.

use clap::{Parser, Subcommand};
use guichet_admin::{Directions, import};
use std::path::PathBuf;
use std::process::ExitCode;

/// The desk's commands, on the local stack of this clone or on a deployed one.
#[derive(Parser)]
#[command(name = "cargo admin")]
struct Cli {
    #[command(flatten)]
    directions: Directions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Brings the directory up to a CSV file with the columns compte,courriel,prenom,nom,langue,actif.
    ///
    /// Accounts that the file does not name stay as they are. Exit code 2: some lines were refused, the others are in.
    Import {
        /// The file, UTF-8, with commas or semicolons.
        file: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { directions, command: Command::Import { file } } = Cli::parse();
    match import(&directions, &file).await {
        Ok(report) => {
            print!("{report}");
            ExitCode::from(if report.refused.is_empty() { 0 } else { 2 })
        }
        Err(error) => {
            eprintln!("guichet-admin: {error}");
            ExitCode::FAILURE
        }
    }
}
