//! The command line: what can be asked for, and how its end is told.

use crate::desk::{Act, Desk, DeskError, Lang, List, Told};
use crate::doctor::{Finding, State, doctor};
use crate::import::{self, import};
use crate::restore::{Restorable, restore};
use crate::site::site;
use crate::stack::Directions;
use clap::{Args, Parser, Subcommand};
use guichet_local::failure::in_full;
use guichet_local::running::SOME_REFUSED;
use indicatif::ProgressBar;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// The desk's commands, on the local stack of this clone or on a deployed one.
#[derive(Parser)]
#[command(name = "cargo admin")]
pub struct Cli {
    #[command(flatten)]
    directions: Directions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Brings the directory up to a CSV file with the columns compte,courriel,prenom,nom,langue,actif.
    ///
    /// The file may be as a spreadsheet writes it: with commas, semicolons or tabs, in UTF-8, UTF-16 or Windows-1252, with
    /// other usual names for the columns. Accounts that it does not name stay as they are. Exit code 2: some lines were
    /// refused, the others are in. Exit code 4: nothing is, for it would deactivate more than 5 % of the active accounts.
    Import {
        /// The file.
        file: PathBuf,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
        /// The file names everybody: who is not in it has left, and is deactivated.
        #[arg(long)]
        complete: bool,
        /// Deactivate as many as it says.
        #[arg(long)]
        allow_deactivations: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
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
    /// Says why somebody does not get in: the cause, what to tell them, and all that led to it. Exit code 3: there is no
    /// such account.
    Explain {
        /// The user name.
        account: String,
        #[command(flatten)]
        how: How,
    },
    /// Looks for people by a part of their account, name or mail address. Exit code 3: nobody.
    Find {
        /// What to look for.
        text: String,
        #[command(flatten)]
        how: How,
    },
    /// Lists the active accounts that are not as they should be. Exit code 3: none.
    Accounts {
        /// Which.
        which: List,
        #[command(flatten)]
        how: How,
    },
    /// Lists the mails that need a hand. Exit code 3: none.
    Failed {
        #[command(flatten)]
        how: How,
    },
    /// Sends again what needs a hand: of one account, or all of it. Exit code 3: nothing does.
    Retry {
        /// The user name.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        account: Option<String>,
        /// Of everybody, as after an outage.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        doing: Doing,
    },
    /// Ends all sessions and links of an account. Exit code 3: there is no such account.
    EndSessions(OneAccount),
    /// Lifts what was counted against an account, and takes its mail address for a good one again. Exit code 3: there is no
    /// such account.
    Unblock(OneAccount),
    /// Lets nobody use an account, until an import says otherwise. Exit code 3: there is no such account.
    Deactivate(OneAccount),
    /// Takes out all that is kept of an account, as the law asks (Québec's Law 25).
    Forget(OneAccount),
    /// Writes out what happened to accounts in the last 90 days, and what the desk did in the last year: a line of JSON
    /// each. That it was written out is written down.
    ExportAudit {
        /// The first day, as 2026-11-25.
        #[arg(long)]
        since: Option<String>,
        /// The last day.
        #[arg(long)]
        until: Option<String>,
        #[command(flatten)]
        how: How,
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

/// How it is told.
#[derive(Args)]
struct How {
    /// The language of what is said.
    #[arg(long, default_value = "fr")]
    lang: Lang,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// How it is done.
#[derive(Args)]
struct Doing {
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct OneAccount {
    /// The user name.
    account: String,
    #[command(flatten)]
    doing: Doing,
}

/// All is done, or found.
const DONE: u8 = 0;
/// Something of what was looked at is missing, or some of what was to be done failed.
const SOME_MISSING: u8 = 1;
/// Nothing of what was asked for is there.
const NOTHING_THERE: u8 = 3;
/// An import would take many accounts away.
const STOPPED: u8 = 4;

/// What ends a command before its time. Its causes are told once, where it is caught.
type Failed = Box<dyn Error>;

impl How {
    async fn desk(&self, directions: &Directions) -> Result<Desk, DeskError> {
        Desk::open(directions, self.lang).await
    }

    fn tell(&self, told: &Told) -> u8 {
        if self.json {
            println!("{}", serde_json::to_string_pretty(&told.json).unwrap_or_default());
        } else {
            println!("{}", told.text.trim_end());
        }
        if told.found { DONE } else { NOTHING_THERE }
    }
}

impl OneAccount {
    async fn act(&self, directions: &Directions, act: Act) -> Result<u8, Failed> {
        let Doing { dry_run, how } = &self.doing;
        Ok(how.tell(&how.desk(directions).await?.act(act, &self.account, *dry_run).await?))
    }
}

/// Sends again what needs a hand, account by account; one that fails keeps no other from it.
async fn retry_all(directions: &Directions, doing: &Doing) -> Result<u8, Failed> {
    let desk = doing.how.desk(directions).await?;
    let accounts = desk.to_retry().await?;
    let bar = ProgressBar::new(accounts.len() as u64);
    let (mut done, mut failed) = (Vec::new(), 0);
    for account in &accounts {
        match desk.act(Act::Retry, account.as_str(), doing.dry_run).await {
            Ok(told) => done.push(told.json),
            Err(error) => {
                failed += 1;
                eprintln!("{account}: {}", in_full(&error));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let said = format!("{} / {}", done.len(), accounts.len());
    let found = !accounts.is_empty();
    let code = doing.how.tell(&Told { text: said, json: done.into(), found });
    Ok(if failed > 0 { SOME_MISSING } else { code })
}

/// What is for a deployed stack alone.
fn deployed(directions: &Directions) -> Result<&str, Failed> {
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
    if findings.iter().any(|finding| finding.state == State::Missing) { SOME_MISSING } else { DONE }
}

async fn perform(directions: &Directions, command: Command) -> Result<u8, Failed> {
    Ok(match command {
        Command::Import { file, dry_run, complete, allow_deactivations, json } => {
            let how = import::How { dry_run, complete, allow_deactivations };
            let report = import(directions, &file, how).await?;
            if json {
                println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
            } else {
                print!("{report}");
            }
            match (&report.stopped, report.refused.is_empty()) {
                (Some(_), _) => STOPPED,
                (None, false) => SOME_REFUSED,
                (None, true) => DONE,
            }
        }
        Command::Restore { table, from } => {
            println!("{}", restore(directions, table, &from).await?);
            DONE
        }
        Command::Explain { account, how } => how.tell(&how.desk(directions).await?.explain(&account).await?),
        Command::Find { text, how } => how.tell(&how.desk(directions).await?.find(&text).await?),
        Command::Accounts { which, how } => how.tell(&how.desk(directions).await?.accounts(which).await?),
        Command::Failed { how } => how.tell(&how.desk(directions).await?.failed().await?),
        Command::Retry { account: Some(account), doing, .. } => {
            OneAccount { account, doing }.act(directions, Act::Retry).await?
        }
        Command::Retry { doing, .. } => retry_all(directions, &doing).await?,
        Command::EndSessions(one) => one.act(directions, Act::EndSessions).await?,
        Command::Unblock(one) => one.act(directions, Act::Unblock).await?,
        Command::Deactivate(one) => one.act(directions, Act::Deactivate).await?,
        Command::Forget(one) => one.act(directions, Act::Forget).await?,
        Command::ExportAudit { since, until, how } => {
            how.tell(&how.desk(directions).await?.export_audit(since.as_deref(), until.as_deref()).await?)
        }
        Command::Site { dry_run } => {
            site(deployed(directions)?, dry_run)?;
            DONE
        }
        Command::Doctor { json } => tell(&doctor(deployed(directions)?)?, json),
    })
}

/// Does what is asked for, and says why where it cannot.
pub async fn run(Cli { directions, command }: Cli) -> ExitCode {
    Box::pin(perform(&directions, command)).await.map_or_else(
        |error| {
            eprintln!("guichet-admin: {}", in_full(&*error));
            ExitCode::FAILURE
        },
        ExitCode::from,
    )
}
