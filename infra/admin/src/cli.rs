//! The command line and its exit codes.

use crate::desk::{Action, CommandOutput, Desk, DeskError, Lang, List};
use crate::import::{ImportOptions, import};
use crate::restore::{Restorable, restore};
use crate::stack::StackSelector;
use clap::{Args, Parser, Subcommand};
use guichet_deploy::doctor::{Finding, State, doctor};
use guichet_deploy::package::{Architecture, package};
use guichet_deploy::site;
use guichet_platform::log::error_chain;
use indicatif::ProgressBar;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// The service desk's tool, for the local stack or a deployed one.
#[derive(Parser)]
#[command(name = "cargo admin")]
pub struct Cli {
    #[command(flatten)]
    selector: StackSelector,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Imports a CSV file with the columns compte,courriel,prenom,nom,langue,actif into the directory.
    ///
    /// Commas, semicolons, or tabs; UTF-8, UTF-16, or Windows-1252; other usual column names are accepted. Accounts
    /// that the file lacks stay unchanged. Exit code 2: some lines were refused, the others imported. Exit code 4:
    /// nothing was imported, because more than 5 % of the active accounts would be deactivated.
    Import {
        file: PathBuf,
        /// Only report what would change.
        #[arg(long)]
        dry_run: bool,
        /// The file lists everyone: deactivate active accounts that it lacks.
        #[arg(long)]
        complete: bool,
        /// Deactivate any number of accounts.
        #[arg(long)]
        allow_deactivations: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copies a table that DynamoDB restored from its backups back into the stack's own.
    ///
    /// Raises the version of every account whose credentials it writes, and ends all links, so that nothing of before
    /// the restore is good any more. What came since stays. May be run again.
    Restore {
        /// The stack's table.
        table: Restorable,
        /// Name of the restored table.
        #[arg(long)]
        from: String,
    },
    /// Explains why somebody cannot sign in: the cause, what to tell them, and the timeline. Exit code 3: no such
    /// account.
    Explain {
        account: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Finds people by a part of their account, name, or email address. Exit code 3: none.
    Find {
        text: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Lists the active accounts with a problem. Exit code 3: none.
    Accounts {
        which: List,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Lists the mail requests that need attention. Exit code 3: none.
    Failed {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Retries the mail requests that need attention. Exit code 3: none.
    Retry {
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        account: Option<String>,
        /// Of all accounts, as after an outage.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        dry_run: DryRunArgs,
    },
    /// Revokes all sessions and links of an account. Exit code 3: no such account.
    EndSessions(OneAccount),
    /// Resets the limits of an account and clears the bounce of its address. Exit code 3: no such account.
    Unblock(OneAccount),
    /// Deactivates an account until an import reactivates it. Exit code 3: no such account.
    Deactivate(OneAccount),
    /// Erases everything about an account (Québec's Law 25).
    Forget(OneAccount),
    /// Exports security events (90 days) and the desk's audit log (1 year), one line of JSON each. The export itself is
    /// recorded.
    ExportAudit {
        /// First day, such as 2026-11-25.
        #[arg(long)]
        since: Option<String>,
        /// Last day.
        #[arg(long)]
        until: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Builds the functions for Lambda, as `sam deploy` uploads them, and checks that they can start there.
    Package {
        /// For arm64 instead of x86-64.
        #[arg(long)]
        arm64: bool,
    },
    /// Uploads the site to a deployed stack and invalidates CloudFront's cache.
    Site {
        /// Only report what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Checks a deployed stack and its AWS account without changing anything. Exit code 1: something is missing.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct OutputArgs {
    /// Language of the output.
    #[arg(long, default_value = "fr")]
    lang: Lang,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DryRunArgs {
    /// Only report what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args)]
struct OneAccount {
    account: String,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

const EXIT_SUCCESS: u8 = 0;
/// A check or a part of the work failed.
const EXIT_FAILURE: u8 = 1;
/// An import refused some lines.
const EXIT_PARTIAL: u8 = 2;
const EXIT_NOT_FOUND: u8 = 3;
/// An import stopped before deactivating many accounts.
const EXIT_STOPPED: u8 = 4;

type CommandError = Box<dyn Error>;

impl OutputArgs {
    async fn desk(&self, selector: &StackSelector) -> Result<Desk, DeskError> {
        Desk::open(selector, self.lang).await
    }

    fn print(&self, output: &CommandOutput) -> u8 {
        if self.json {
            println!("{}", serde_json::to_string_pretty(&output.json).unwrap_or_default());
        } else {
            println!("{}", output.text.trim_end());
        }
        if output.found { EXIT_SUCCESS } else { EXIT_NOT_FOUND }
    }
}

impl OneAccount {
    async fn run_action(&self, selector: &StackSelector, action: Action) -> Result<u8, CommandError> {
        let DryRunArgs { dry_run, output } = &self.dry_run;
        Ok(output.print(&output.desk(selector).await?.run_action(action, &self.account, *dry_run).await?))
    }
}

/// Retries failed requests account by account. One failure does not stop the rest.
async fn retry_all(selector: &StackSelector, args: &DryRunArgs) -> Result<u8, CommandError> {
    let desk = args.output.desk(selector).await?;
    let accounts = desk.to_retry().await?;
    let bar = ProgressBar::new(accounts.len() as u64);
    let (mut done, mut failed) = (Vec::new(), 0);
    for account in &accounts {
        match desk.run_action(Action::Retry, account.as_str(), args.dry_run).await {
            Ok(output) => done.push(output.json),
            Err(error) => {
                failed += 1;
                eprintln!("{account}: {}", error_chain(&error));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let text = format!("{} / {}", done.len(), accounts.len());
    let found = !accounts.is_empty();
    let code = args.output.print(&CommandOutput { text, json: done.into(), found });
    Ok(if failed > 0 { EXIT_FAILURE } else { code })
}

/// For commands that need a deployed stack.
fn deployed(selector: &StackSelector) -> Result<&str, CommandError> {
    selector.deployed().ok_or_else(|| "this command needs a deployed stack: --stack NAME".into())
}

fn print_findings(findings: &[Finding], json: bool) -> u8 {
    if json {
        println!("{}", serde_json::to_string_pretty(findings).unwrap_or_default());
    } else {
        for finding in findings {
            println!("{finding}");
        }
    }
    if findings.iter().any(|finding| finding.state == State::Missing) { EXIT_FAILURE } else { EXIT_SUCCESS }
}

async fn perform(selector: &StackSelector, command: Command) -> Result<u8, CommandError> {
    Ok(match command {
        Command::Import { file, dry_run, complete, allow_deactivations, json } => {
            let options = ImportOptions { dry_run, complete, allow_deactivations };
            let report = import(selector, &file, options).await?;
            if json {
                println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            } else {
                print!("{report}");
            }
            match (&report.stopped, report.refused.is_empty()) {
                (Some(_), _) => EXIT_STOPPED,
                (None, false) => EXIT_PARTIAL,
                (None, true) => EXIT_SUCCESS,
            }
        }
        Command::Restore { table, from } => {
            println!("{}", restore(selector, table, &from).await?);
            EXIT_SUCCESS
        }
        Command::Explain { account, output } => output.print(&output.desk(selector).await?.explain(&account).await?),
        Command::Find { text, output } => output.print(&output.desk(selector).await?.find(&text).await?),
        Command::Accounts { which, output } => output.print(&output.desk(selector).await?.accounts(which).await?),
        Command::Failed { output } => output.print(&output.desk(selector).await?.failed().await?),
        Command::Retry { account: Some(account), dry_run, .. } => {
            OneAccount { account, dry_run }.run_action(selector, Action::Retry).await?
        }
        Command::Retry { dry_run, .. } => retry_all(selector, &dry_run).await?,
        Command::EndSessions(one) => one.run_action(selector, Action::EndSessions).await?,
        Command::Unblock(one) => one.run_action(selector, Action::Unblock).await?,
        Command::Deactivate(one) => one.run_action(selector, Action::Deactivate).await?,
        Command::Forget(one) => one.run_action(selector, Action::Forget).await?,
        Command::ExportAudit { since, until, output } => {
            output.print(&output.desk(selector).await?.export_audit(since.as_deref(), until.as_deref()).await?)
        }
        Command::Package { arm64 } => {
            package(if arm64 { Architecture::Arm } else { Architecture::X86 }).await?;
            EXIT_SUCCESS
        }
        Command::Site { dry_run } => {
            site::upload(deployed(selector)?, dry_run)?;
            EXIT_SUCCESS
        }
        Command::Doctor { json } => print_findings(&doctor(deployed(selector)?)?, json),
    })
}

pub async fn run(Cli { selector, command }: Cli) -> ExitCode {
    Box::pin(perform(&selector, command)).await.map_or_else(
        |error| {
            eprintln!("guichet-admin: {}", error_chain(&*error));
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}
