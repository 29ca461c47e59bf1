//! Copies a table that DynamoDB restored into the stack's own.

use crate::stack::{Role, Stack, StackError, StackSelector};
use crate::store::restore::{copy_credentials, copy_table, delete_all_links};
use clap::ValueEnum;
use guichet_platform::clock;
use guichet_store::StoreError;
use guichet_store::credentials::Credentials;
use guichet_store::tokens::Tokens;

/// The tables that may be restored. The others contain what must stay revoked.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum Restorable {
    Directory,
    Credentials,
    Events,
}

/// Running the command again completes what is left.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) async fn restore(selector: &StackSelector, what: Restorable, from: &str) -> Result<String, RestoreError> {
    let stack = Stack::find(selector, Role::Operator).await?;
    let restored = stack.other_table(from);
    Ok(match what {
        Restorable::Directory => {
            format!("{} entries copied", copy_table(&restored, &stack.table("Directory")?).await?)
        }
        Restorable::Events => format!("{} events copied", copy_table(&restored, &stack.table("Events")?).await?),
        Restorable::Credentials => {
            let copied = copy_credentials(&restored, &Credentials(stack.table("Credentials")?), clock::now()).await?;
            let ended = delete_all_links(&Tokens(stack.table("Tokens")?)).await?;
            format!("{copied} accounts copied, each with a new version; {ended} links deleted")
        }
    })
}
