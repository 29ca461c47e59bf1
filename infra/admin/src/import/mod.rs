//! Brings the directory up to a CSV file.

mod file;
mod report;

pub use file::{FileError, Refusal};
pub use report::{Difference, Report, Stopped};

use crate::stack::{Directions, Role, Stack, StackError};
use file::{Read, holders_of_addresses};
use futures_util::{StreamExt, TryStreamExt, stream};
use guichet_core::account::AccountName;
use guichet_core::clock;
use guichet_core::mailbox::MailAddress;
use guichet_core::store::StoreError;
use guichet_core::store::credentials::{Credentials, Holder, Standing};
use guichet_core::store::directory::{Directory, Entry};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Accounts read at once: the most that `BatchGetItem` takes.
const READ: usize = 100;
/// Items written at once: the most that `BatchWriteItem` takes.
const WRITE: usize = 25;
/// Calls under way at once.
const AT_ONCE: usize = 8;
/// Of a hundred active accounts no more are deactivated by one import: more is an export that broke off, or of another
/// directory.
const DEACTIVATED_AT_MOST: usize = 5;

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

/// What is imported how.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Whether it is only told what would be written.
    pub dry_run: bool,
    /// Whether the file names everybody: active accounts that it does not name have left, and are deactivated.
    pub complete: bool,
    /// Whether any number of accounts may be deactivated.
    pub allow_deactivations: bool,
}

/// Reads the file whole, then writes what differs: for each account its credentials first and its entry last, so that
/// an import that was interrupted finds the difference again.
pub async fn import(directions: &Directions, file: &Path, how: How) -> Result<Report, ImportError> {
    let read = file::read(file)?;
    let stack = Stack::find(directions, Role::Import).await?;
    let import = Import {
        directory: Directory(stack.table("Directory")?),
        credentials: Credentials(stack.table("Credentials")?),
    };
    import.run(read, how).await
}

struct Import {
    directory: Directory,
    credentials: Credentials,
}

/// An account of the file, or one that has left, beside what the tables have of it.
struct Row {
    wanted: Entry,
    entry: Option<Entry>,
    holder: Option<Holder>,
    left: bool,
}

impl Row {
    fn is_as_wanted(&self) -> bool {
        self.entry.as_ref() == Some(&self.wanted)
            && self.holder.as_ref().is_some_and(|holder| is_followed(&self.wanted, holder))
    }

    /// By the entry, which is written last: also where an earlier import was interrupted after the credentials.
    fn is_deactivated(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.active && !self.wanted.active)
    }
}

impl Import {
    async fn run(&self, read: Read, how: How) -> Result<Report, ImportError> {
        let Read { entries, refused, encoding } = read;
        let sharing = holders_of_addresses(&entries);
        let mut named: HashSet<AccountName> = entries.iter().map(|entry| entry.account.clone()).collect();
        let mut left = if how.complete { self.who_left(&named).await? } else { Vec::new() };
        // A line that was refused may be theirs.
        let kept_who_left = if refused.is_empty() { 0 } else { std::mem::take(&mut left).len() };
        named.extend(left.iter().map(|entry| entry.account.clone()));
        let total = entries.len() + left.len();
        let mut rows = self.differing(entries, false).await?;
        rows.extend(self.differing(left, true).await?);
        let outsiders = self.mark_shared_beyond_the_file(&mut rows, &named, &sharing).await?;
        rows.retain(|row| !row.is_as_wanted());

        let mut report = Report::of(&rows, &outsiders, total);
        (report.refused, report.encoding, report.kept_who_left) = (refused, encoding, kept_who_left);
        report.stopped = if how.allow_deactivations { None } else { self.stop(report.deactivated).await? };
        if how.dry_run {
            return Ok(Report { dry_run: true, ..report });
        }
        report.differences.clear();
        if report.stopped.is_none() {
            self.write_all(&rows, &outsiders).await?;
            self.directory.note_import(clock::now()).await?;
        }
        Ok(report)
    }

    /// Whether so many are not to be taken away unasked.
    async fn stop(&self, deactivated: usize) -> Result<Option<Stopped>, StoreError> {
        if deactivated < 2 {
            return Ok(None);
        }
        let active = self.directory.all().await?.iter().filter(|entry| entry.active).count();
        Ok((deactivated * 100 > active * DEACTIVATED_AT_MOST).then_some(Stopped { deactivated, active }))
    }

    /// The active accounts beyond those that are named, as they are to be.
    async fn who_left(&self, named: &HashSet<AccountName>) -> Result<Vec<Entry>, StoreError> {
        let all = self.directory.all().await?.into_iter().filter(|entry| entry.active).map(|entry| entry.account);
        let accounts: Vec<_> = all.filter(|account| !named.contains(account)).collect();
        let mut left = Vec::new();
        // A whole table is read as it was a moment ago.
        for chunk in accounts.chunks(READ) {
            left.extend(self.directory.entries(chunk).await?);
        }
        left.retain(|entry| entry.active);
        Ok(left.into_iter().map(|entry| Entry { active: false, shared_mailbox: false, ..entry }).collect())
    }

    /// What is not as it is wanted.
    async fn differing(&self, wanted: Vec<Entry>, left: bool) -> Result<Vec<Row>, StoreError> {
        let bar = ProgressBar::new(wanted.len() as u64).with_style(style());
        let rows = stream::iter(wanted.chunks(READ).map(<[Entry]>::to_vec))
            .map(|chunk| self.beside(chunk, left))
            .buffered(AT_ONCE)
            .inspect_ok(|rows| bar.inc(rows.len() as u64))
            .try_concat()
            .await?;
        bar.finish_and_clear();
        Ok(rows.into_iter().filter(|row| !row.is_as_wanted()).collect())
    }

    /// The marks of accounts beyond the file go first: nobody looks at them again for a row that is written.
    async fn write_all(&self, rows: &[Row], outsiders: &[Entry]) -> Result<(), StoreError> {
        for chunk in outsiders.chunks(WRITE) {
            self.directory.put(chunk).await?;
        }
        let bar = ProgressBar::new(rows.len() as u64).with_style(style());
        stream::iter(rows.chunks(WRITE))
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |chunk| async {
                self.write(chunk).await?;
                bar.inc(chunk.len() as u64);
                Ok(())
            })
            .await?;
        bar.finish_and_clear();
        Ok(())
    }

    async fn beside(&self, chunk: Vec<Entry>, left: bool) -> Result<Vec<Row>, StoreError> {
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
            Row { wanted, entry, holder, left }
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
        for row in rows {
            let Row { wanted, holder: Some(holder), .. } = row else { continue };
            if !is_followed(wanted, holder) {
                self.credentials.follow(wanted, holder.standing).await?;
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
