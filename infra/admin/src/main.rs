//! `cargo admin`: what the desk and the directory's nightly job run.

use clap::{Parser, Subcommand};
use guichet_admin::{Directions, Restorable, import, restore};
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
    /// Copies a table that DynamoDB restored from its backups back into the stack's own.
    ///
    /// Raises the version of every account whose credentials it writes, and ends all links, so that nothing of before
    /// the restore is good any more. What came since stays. May be run again.
    Restore {
        /// Which of the stack's tables.
        table: Restorable,
        /// The name of the table that DynamoDB made.
        #[arg(long)]
        from: String,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { directions, command } = Cli::parse();
    let done = match command {
        Command::Import { file } => import(&directions, &file).await.map_err(|error| error.to_string()).map(|report| {
            print!("{report}");
            if report.refused.is_empty() { 0 } else { 2 }
        }),
        Command::Restore { table, from } => {
            restore(&directions, table, &from).await.map_err(|error| error.to_string()).map(|said| {
                println!("{said}");
                0
            })
        }
    };
    done.map_or_else(
        |error| {
            eprintln!("guichet-admin: {error}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}
