//! Brings the directory up to a CSV file.

mod file;
mod report;

use crate::stack::{Directions, Role, Stack, StackError};
use file::{File, FileError};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use guichet_core::account::AccountName;
use guichet_core::clock;
use guichet_core::store::credentials::{Credentials, Holder, Standing};
use guichet_core::store::directory::{Directory, Entry};
use guichet_core::store::{READ_AT_ONCE, StoreError, WRITTEN_AT_ONCE};
use indicatif::{ProgressBar, ProgressStyle};
use report::{Report, Stopped, Sum};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::pin::pin;

/// Calls under way at once.
const AT_ONCE: usize = 8;
/// Of a hundred active accounts no more are deactivated by one import: more is an export that broke off, or of another
/// directory.
const DEACTIVATED_AT_MOST: usize = 5;

/// The import did not come to its end. What it wrote until then stands; running it again does the rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// The file is none.
    #[error(transparent)]
    File(#[from] FileError),
    /// The stack is not there.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A table did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is imported how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// Whether it is only told what would be written.
    pub dry_run: bool,
    /// Whether the file names everybody: active accounts that it does not name have left, and are deactivated.
    pub complete: bool,
    /// Whether any number of accounts may be deactivated.
    pub allow_deactivations: bool,
}

/// Checks the file whole, then sees what differs, then writes it: for each account its credentials first and its entry
/// last, so that an import that was interrupted finds the difference again.
pub(crate) async fn import(directions: &Directions, file: &Path, how: How) -> Result<Report, ImportError> {
    let file = File::read(file)?;
    let stack = Stack::find(directions, Role::Import).await?;
    let import = Import {
        directory: Directory(stack.table("Directory")?),
        credentials: Credentials(stack.table("Credentials")?),
    };
    import.run(file, how).await
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

/// Who is looked at: those whom the file names and those who have left, as they are to be.
struct Roll {
    file: File,
    left: BTreeMap<AccountName, Entry>,
}

impl Roll {
    fn len(&self) -> usize {
        self.file.len() + self.left.len()
    }

    fn names(&self, account: &AccountName) -> bool {
        self.file.names(account) || self.left.contains_key(account)
    }

    fn wanted(&self) -> impl Iterator<Item = Entry> {
        self.file.entries().chain(self.left.values().cloned())
    }
}

/// What is found out about accounts that are not looked at.
#[derive(Default)]
struct Beyond {
    /// The addresses that they have in common with some that are.
    addresses: HashSet<String>,
    /// Those of them whose mark changes, as they are to be.
    changed: BTreeMap<AccountName, Entry>,
}

impl Beyond {
    /// The rows with their marks, without those that are then as they are wanted.
    fn mark(&self, mut rows: Vec<Row>) -> Vec<Row> {
        for row in rows.iter_mut().filter(|row| row.wanted.active) {
            let Some(email) = &row.wanted.email else { continue };
            row.wanted.shared_mailbox |= self.addresses.contains(email.as_str());
        }
        rows.retain(|row| !row.is_as_wanted());
        rows
    }
}

impl Import {
    /// The rows pass by twice, a handful at a time: first they are counted, then written.
    async fn run(&self, file: File, how: How) -> Result<Report, ImportError> {
        let mut left = if how.complete { self.who_left(&file).await? } else { BTreeMap::new() };
        // A line that was refused may be theirs.
        let kept_who_left = if file.refused.is_empty() { 0 } else { std::mem::take(&mut left).len() };
        let roll = Roll { file, left };
        let (beyond, mut report) = self.look(&roll, how).await?;
        report.stopped = if how.allow_deactivations { None } else { self.stop(report.deactivated).await? };
        if !how.dry_run && report.stopped.is_none() {
            self.write_all(&roll, &beyond, report.added + report.changed).await?;
            self.directory.note_import(clock::now()).await?;
        }
        let File { refused, encoding, .. } = roll.file;
        Ok(Report { refused, encoding, kept_who_left, dry_run: how.dry_run, ..report })
    }

    /// What is to be done.
    async fn look(&self, roll: &Roll, how: How) -> Result<(Beyond, Report), StoreError> {
        let (mut beyond, mut sum) = (Beyond::default(), Sum::of(&roll.left, how.dry_run));
        let bar = ProgressBar::new(roll.len() as u64).with_style(style());
        let mut differing = pin!(self.differing(roll, &bar));
        while let Some(rows) = differing.try_next().await? {
            self.look_beyond(&rows, roll, &mut beyond).await?;
            sum.add(&beyond.mark(rows));
        }
        bar.finish_and_clear();
        let report = sum.report(roll.len(), beyond.changed.values());
        Ok((beyond, report))
    }

    /// Whether so many are not to be taken away unasked.
    async fn stop(&self, deactivated: usize) -> Result<Option<Stopped>, StoreError> {
        if deactivated < 2 {
            return Ok(None);
        }
        let active = self.directory.all().await?.iter().filter(|entry| entry.active).count();
        Ok((deactivated * 100 > active * DEACTIVATED_AT_MOST).then_some(Stopped { deactivated, active }))
    }

    /// The active accounts that the file does not name, as they are to be.
    async fn who_left(&self, file: &File) -> Result<BTreeMap<AccountName, Entry>, StoreError> {
        let all = self.directory.all().await?.into_iter().filter(|entry| entry.active).map(|entry| entry.account);
        let accounts: Vec<_> = all.filter(|account| !file.names(account)).collect();
        let mut left = BTreeMap::new();
        // A whole table is read as it was a moment ago.
        for chunk in accounts.chunks(READ_AT_ONCE) {
            let active = self.directory.entries(chunk).await?.into_iter().filter(|entry| entry.active);
            let gone = |entry| Entry { active: false, shared_mailbox: false, ..entry };
            left.extend(active.map(|entry| (entry.account.clone(), gone(entry))));
        }
        Ok(left)
    }

    /// What is not as it is wanted, as far as the marks of the file alone tell.
    fn differing<'a>(
        &'a self,
        roll: &'a Roll,
        bar: &'a ProgressBar,
    ) -> impl Stream<Item = Result<Vec<Row>, StoreError>> + 'a {
        let chunks = stream::iter(roll.wanted()).chunks(READ_AT_ONCE);
        chunks.map(|chunk| self.beside(chunk)).buffered(AT_ONCE).map_ok(|mut rows| {
            bar.inc(rows.len() as u64);
            rows.retain(|row| !row.is_as_wanted());
            rows
        })
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

    /// An account that is not looked at may have the address of one that is, or may have shared one that is given up now.
    async fn look_beyond(&self, rows: &[Row], roll: &Roll, beyond: &mut Beyond) -> Result<(), StoreError> {
        let entries = rows.iter().flat_map(|row| [Some(&row.wanted), row.entry.as_ref()]).flatten();
        let addresses: HashMap<_, _> = entries.filter_map(|it| it.email.as_ref()).map(|it| (it.as_str(), it)).collect();
        let mut found = pin!(
            stream::iter(addresses.into_values())
                .map(|address| async move { Ok((address, self.directory.accounts_with(address).await?)) })
                .buffer_unordered(AT_ONCE)
        );
        while let Some((address, holders)) = found.try_next().await? {
            let others: Vec<_> =
                holders.into_iter().map(|holder| holder.account).filter(|account| !roll.names(account)).collect();
            if others.is_empty() {
                continue;
            }
            let shared = others.len() + roll.file.holders_of(address) > 1;
            for chunk in others.chunks(READ_AT_ONCE) {
                let entries = self.directory.entries(chunk).await?;
                let differing = entries.into_iter().filter(|entry| entry.shared_mailbox != shared);
                let changed = differing.map(|entry| (entry.account.clone(), Entry { shared_mailbox: shared, ..entry }));
                beyond.changed.extend(changed);
            }
            beyond.addresses.insert(address.as_str().to_owned());
        }
        Ok(())
    }

    /// The marks of accounts beyond go first: nobody looks at them again for a row that is written.
    async fn write_all(&self, roll: &Roll, beyond: &Beyond, rows: usize) -> Result<(), StoreError> {
        let changed: Vec<_> = beyond.changed.values().cloned().collect();
        for chunk in changed.chunks(WRITTEN_AT_ONCE) {
            self.directory.put(chunk).await?;
        }
        if rows == 0 {
            return Ok(());
        }
        let bar = ProgressBar::new(rows as u64).with_style(style());
        self.differing(roll, &ProgressBar::hidden())
            .try_for_each_concurrent(AT_ONCE, |rows| async {
                for chunk in beyond.mark(rows).chunks(WRITTEN_AT_ONCE) {
                    self.write(chunk).await?;
                    bar.inc(chunk.len() as u64);
                }
                Ok(())
            })
            .await?;
        bar.finish_and_clear();
        Ok(())
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
    holder.name == entry.name && holder.preferred_language == entry.language && holder.standing.active == entry.active
}

fn newcomer(entry: &Entry) -> Holder {
    Holder {
        account: entry.account.clone(),
        standing: Standing { version: 0, active: entry.active },
        name: entry.name.clone(),
        preferred_language: entry.language,
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar())
}
