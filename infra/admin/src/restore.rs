//! Copies a table that DynamoDB restored back into the stack's own.

use crate::stack::{Directions, Role, Stack, StackError};
use clap::ValueEnum;
use guichet_core::clock;
use guichet_core::store::StoreError;
use guichet_core::store::credentials::Credentials;
use guichet_core::store::tokens::Tokens;

/// What can be restored; all else holds what must stay dead.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Restorable {
    /// Who bears an account.
    Directory,
    /// Passwords and versions.
    Credentials,
    /// What happened.
    Events,
}

/// It did not come to its end; running it again does the rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The stack is not there.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A table did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes all items of the table `from` over the stack's own. What it did, in a sentence.
pub(crate) async fn restore(directions: &Directions, what: Restorable, from: &str) -> Result<String, RestoreError> {
    let stack = Stack::find(directions, Role::Operator).await?;
    let restored = stack.other_table(from);
    Ok(match what {
        Restorable::Directory => {
            format!("{} entries copied back", stack.table("Directory")?.copy_back(&restored).await?)
        }
        Restorable::Events => format!("{} events copied back", stack.table("Events")?.copy_back(&restored).await?),
        Restorable::Credentials => {
            let copied = Credentials(stack.table("Credentials")?).copy_back(&restored, clock::now()).await?;
            let ended = Tokens(stack.table("Tokens")?).clear().await?;
            format!("{copied} accounts copied back, each at a version of its own above all before; {ended} links ended")
        }
    })
}
