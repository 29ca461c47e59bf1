//! Brings the directory up to a CSV file.

use crate::csv_file::{self, FileError, Refusal, holders_of_addresses};
use crate::stack::{Directions, Role, Stack, StackError};
use futures_util::{StreamExt, TryStreamExt, stream};
use guichet_core::account::AccountName;
use guichet_core::clock;
use guichet_core::mailbox::MailAddress;
use guichet_core::store::StoreError;
use guichet_core::store::credentials::{Credentials, Holder, Standing};
use guichet_core::store::directory::{Directory, Entry};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

/// Accounts read at once: the most that `BatchGetItem` takes.
const READ: usize = 100;
/// Items written at once: the most that `BatchWriteItem` takes.
const WRITE: usize = 25;
/// Calls under way at once.
const AT_ONCE: usize = 8;

/// The import did not come to its end. What it wrote until then stands; running it again does the rest.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is none.
    #[error(transparent)]
    File(#[from] FileError),
    /// The stack is not there.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A table did not answer.
    #[error("{0}{reason}", reason = crate::reasons(.0))]
    Store(#[from] StoreError),
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    /// Accounts that were not there before.
    pub added: usize,
    /// Accounts of which something changed.
    pub changed: usize,
    /// Accounts that were as the file says.
    pub unchanged: usize,
    /// Lines that were not taken.
    pub refused: Vec<Refusal>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for refusal in &self.refused {
            writeln!(f, "refused, {refusal}")?;
        }
        let Self { added, changed, unchanged, refused } = self;
        writeln!(f, "{added} added, {changed} changed, {unchanged} unchanged, {} refused", refused.len())
    }
}

/// Reads the file whole, then writes what differs: for each account its credentials first and its entry last, so that
/// an import that was interrupted finds the difference again.
pub async fn import(directions: &Directions, file: &Path) -> Result<Report, ImportError> {
    let (entries, refused) = csv_file::read(file)?;
    let stack = Stack::find(directions, Role::Import).await?;
    let import = Import {
        directory: Directory(stack.table("Directory")?),
        credentials: Credentials(stack.table("Credentials")?),
    };
    let report = import.run(entries).await?;
    import.directory.note_import(clock::now()).await?;
    Ok(Report { refused, ..report })
}

struct Import {
    directory: Directory,
    credentials: Credentials,
}

/// An account of the file beside what the tables have of it.
struct Row {
    wanted: Entry,
    entry: Option<Entry>,
    holder: Option<Holder>,
}

impl Row {
    fn is_as_wanted(&self) -> bool {
        self.entry.as_ref() == Some(&self.wanted)
            && self.holder.as_ref().is_some_and(|holder| is_followed(&self.wanted, holder))
    }
}

impl Import {
    async fn run(&self, entries: Vec<Entry>) -> Result<Report, StoreError> {
        let bar = ProgressBar::new(entries.len() as u64).with_style(style());
        let sharing = holders_of_addresses(&entries);
        let named: HashSet<AccountName> = entries.iter().map(|entry| entry.account.clone()).collect();
        let rows = stream::iter(entries.chunks(READ).map(<[Entry]>::to_vec))
            .map(|chunk| self.beside(chunk))
            .buffered(AT_ONCE)
            .inspect_ok(|rows| bar.inc(rows.len() as u64))
            .try_concat()
            .await?;
        let total = rows.len();
        let mut rows: Vec<Row> = rows.into_iter().filter(|row| !row.is_as_wanted()).collect();
        let outsiders = self.mark_shared_beyond_the_file(&mut rows, &named, &sharing).await?;
        rows.retain(|row| !row.is_as_wanted());
        let added = rows.iter().filter(|row| row.entry.is_none()).count();
        let report = Report { added, changed: rows.len() - added, unchanged: total - rows.len(), refused: Vec::new() };

        bar.reset();
        bar.set_length(rows.len() as u64);
        stream::iter(rows.chunks(WRITE))
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |chunk| async {
                self.write(chunk).await?;
                bar.inc(chunk.len() as u64);
                Ok(())
            })
            .await?;
        for chunk in outsiders.chunks(WRITE) {
            self.directory.put(chunk).await?;
        }
        bar.finish_and_clear();
        Ok(report)
    }

    async fn beside(&self, chunk: Vec<Entry>) -> Result<Vec<Row>, StoreError> {
        let accounts: Vec<_> = chunk.iter().map(|entry| entry.account.clone()).collect();
        let (entries, holders) =
            futures_util::try_join!(self.directory.entries(&accounts), self.credentials.holders(&accounts))?;
        let mut entries: HashMap<_, _> = entries.into_iter().map(|entry| (entry.account.clone(), entry)).collect();
        let mut holders: HashMap<_, _> = holders.into_iter().map(|holder| (holder.account.clone(), holder)).collect();
        let row = |mut wanted: Entry| {
            let (entry, holder) = (entries.remove(&wanted.account), holders.remove(&wanted.account));
            // What came back from an address stays known as long as the address is the same.
            let same = entry.as_ref().filter(|entry: &&Entry| entry.email == wanted.email);
            wanted.bounced_at = same.and_then(|entry| entry.bounced_at);
            Row { wanted, entry, holder }
        };
        Ok(chunk.into_iter().map(row).collect())
    }

    /// An account that the file does not name may have the address of one that it does, or may have shared one that
    /// is given up now. Marks the rows, and returns those other accounts whose mark changes.
    async fn mark_shared_beyond_the_file(
        &self,
        rows: &mut [Row],
        named: &HashSet<AccountName>,
        sharing: &HashMap<String, usize>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut addresses: HashMap<String, MailAddress> = HashMap::new();
        for row in rows.iter() {
            for entry in [Some(&row.wanted), row.entry.as_ref()].into_iter().flatten() {
                addresses.extend(entry.email.as_ref().map(|email| (email.as_str().to_owned(), email.clone())));
            }
        }
        let outside: HashMap<String, Vec<AccountName>> = stream::iter(addresses)
            .map(|(text, address)| async move {
                let found = self.directory.accounts_with(&address).await?;
                let others = found.into_iter().map(|found| found.account).filter(|account| !named.contains(account));
                Ok::<_, StoreError>((text, others.collect::<Vec<_>>()))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;

        for row in rows.iter_mut().filter(|row| row.wanted.active) {
            let Some(email) = &row.wanted.email else { continue };
            row.wanted.shared_mailbox |= outside.get(email.as_str()).is_some_and(|others| !others.is_empty());
        }
        let mut changed = Vec::new();
        for (address, others) in &outside {
            let shared = others.len() + sharing.get(address).copied().unwrap_or_default() > 1;
            for chunk in others.chunks(READ) {
                let entries = self.directory.entries(chunk).await?;
                let differing = entries.into_iter().filter(|entry| entry.shared_mailbox != shared);
                changed.extend(differing.map(|entry| Entry { shared_mailbox: shared, ..entry }));
            }
        }
        Ok(changed)
    }

    async fn write(&self, rows: &[Row]) -> Result<(), StoreError> {
        let newcomers: Vec<_> =
            rows.iter().filter(|row| row.holder.is_none()).map(|row| newcomer(&row.wanted)).collect();
        if !newcomers.is_empty() {
            self.credentials.admit(&newcomers).await?;
        }
        for Row { wanted, holder, .. } in rows {
            let Some(holder) = holder else { continue };
            let deactivated = holder.standing.active && !wanted.active;
            if !is_followed(wanted, holder) {
                self.credentials.follow(wanted, deactivated).await?;
            }
        }
        let entries: Vec<_> = rows.iter().map(|row| row.wanted.clone()).collect();
        self.directory.put(&entries).await
    }
}

fn is_followed(entry: &Entry, holder: &Holder) -> bool {
    holder.name == entry.name && holder.speaks == entry.language && holder.standing.active == entry.active
}

fn newcomer(entry: &Entry) -> Holder {
    Holder {
        account: entry.account.clone(),
        standing: Standing { version: 0, active: entry.active },
        name: entry.name.clone(),
        speaks: entry.language,
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar())
}
