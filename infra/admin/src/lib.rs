//! The desk's commands.
//!
//! Knows the tables through `guichet-core`, where a stack's tables are, and the CSV that the directory exports. Works
//! with the rights of the person who runs it.

mod aws_cli;
mod desk;
mod doctor;
mod import;
mod restore;
mod site;
mod stack;

pub use aws_cli::AwsError;
pub use desk::{Act, Desk, DeskError, List, Told};
pub use doctor::{Finding, State, doctor};
pub use import::{Difference, FileError, How as ImportHow, ImportError, Refusal, Report, Stopped, import};
pub use restore::{Restorable, RestoreError, restore};
pub use site::{SiteError, site};
pub use stack::{Directions, StackError};

/// What caused an error, each cause after a colon.
fn reasons(error: &dyn std::error::Error) -> String {
    error.source().map(|source| format!(": {source}{}", reasons(source))).unwrap_or_default()
}
