//! `cargo admin`: what the desk and the directory's nightly job run.

use clap::{Parser, Subcommand};
use guichet_admin::{Directions, Finding, Restorable, State, doctor, import, restore, site};
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
    /// Uploads the pages to a deployed stack, and makes CloudFront forget the earlier ones.
    Site {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Looks at a deployed stack and its account, changing nothing, and says what is missing. Exit code 1: something is.
    Doctor {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What is for a deployed stack alone.
fn deployed(directions: &Directions) -> Result<&str, String> {
    directions.deployed().ok_or_else(|| "name the deployed stack: --stack NAME".into())
}

fn tell(findings: &[Finding], json: bool) -> u8 {
    if json {
        println!("{}", serde_json::to_string_pretty(findings).unwrap_or_default());
    } else {
        for finding in findings {
            println!("{finding}");
        }
    }
    u8::from(findings.iter().any(|finding| finding.state == State::Missing))
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
        Command::Site { dry_run } => {
            deployed(&directions).and_then(|stack| site(stack, dry_run).map_err(|error| error.to_string())).map(|()| 0)
        }
        Command::Doctor { json } => deployed(&directions)
            .and_then(|stack| doctor(stack).map_err(|error| error.to_string()))
            .map(|findings| tell(&findings, json)),
    };
    done.map_or_else(
        |error| {
            eprintln!("guichet-admin: {error}");
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}
