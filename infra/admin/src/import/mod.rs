//! Synchronizes the directory with a CSV file.

mod file;
mod report;

use crate::stack::{Role, Stack, StackError, StackSelector};
use crate::store::all_entries;
use file::{File, FileError};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use guichet_domain::account::AccountName;
use guichet_platform::clock;
use guichet_store::credentials::{AccountProfile, CredentialStatus, Credentials};
use guichet_store::directory::{Directory, Entry};
use guichet_store::{MAX_BATCH_GET, MAX_BATCH_WRITE, StoreError};
use indicatif::{ProgressBar, ProgressStyle};
use report::{Report, Stopped, Summary};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::pin::pin;

/// Concurrent calls.
const CONCURRENCY: usize = 8;
/// Percent of the active accounts that one import may deactivate without confirmation. More suggests a truncated
/// export, or one of another directory.
const MAX_DEACTIVATED_PERCENT: usize = 5;

/// What was written before the error stays. Running the import again completes it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ImportOptions {
    pub dry_run: bool,
    /// The file lists everyone: active accounts that it lacks are deactivated.
    pub complete: bool,
    /// Skip the limit on deactivations.
    pub allow_deactivations: bool,
}

/// Validates the whole file, then compares, then writes. Each account's entry is written after its credentials, so that
/// an interrupted import finds the difference again.
pub(crate) async fn import(
    selector: &StackSelector,
    file: &Path,
    options: ImportOptions,
) -> Result<Report, ImportError> {
    let file = File::read(file)?;
    let stack = Stack::find(selector, Role::Import).await?;
    let import = Import {
        directory: Directory(stack.table("Directory")?),
        credentials: Credentials(stack.table("Credentials")?),
    };
    import.run(file, options).await
}

struct Import {
    directory: Directory,
    credentials: Credentials,
}

/// An account of the file, or one that has left, and what the tables contain about it.
struct Row {
    wanted: Entry,
    entry: Option<Entry>,
    profile: Option<AccountProfile>,
}

impl Row {
    fn is_unchanged(&self) -> bool {
        self.entry.as_ref() == Some(&self.wanted)
            && self.profile.as_ref().is_some_and(|profile| is_synchronized(&self.wanted, profile))
    }

    /// Judged by the entry, which is written last, so that it also holds after an interrupted import.
    fn is_deactivated(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.active && !self.wanted.active)
    }
}

/// The accounts to import: those of the file, and those that have left, in their wanted state.
struct ImportSet {
    file: File,
    left: BTreeMap<AccountName, Entry>,
}

impl ImportSet {
    fn len(&self) -> usize {
        self.file.len() + self.left.len()
    }

    fn contains(&self, account: &AccountName) -> bool {
        self.file.contains(account) || self.left.contains_key(account)
    }

    fn wanted(&self) -> impl Iterator<Item = Entry> {
        self.file.entries().chain(self.left.values().cloned())
    }
}

/// What the import finds out about accounts outside its set.
#[derive(Default)]
struct OtherAccounts {
    /// The addresses that they share with accounts of the set.
    addresses: HashSet<String>,
    /// Those whose `shared_mailbox` changes, in their wanted state.
    changed: BTreeMap<AccountName, Entry>,
}

impl OtherAccounts {
    /// Sets `shared_mailbox` of the rows, and drops those that are then unchanged.
    fn classify(&self, mut rows: Vec<Row>) -> Vec<Row> {
        for row in rows.iter_mut().filter(|row| row.wanted.active) {
            let Some(email) = &row.wanted.email else { continue };
            row.wanted.shared_mailbox |= self.addresses.contains(email.as_str());
        }
        rows.retain(|row| !row.is_unchanged());
        rows
    }
}

impl Import {
    /// Streams the rows twice, in batches: first to count, then to write.
    async fn run(&self, file: File, options: ImportOptions) -> Result<Report, ImportError> {
        let mut left = if options.complete { self.departed(&file).await? } else { BTreeMap::new() };
        // A refused line may be one of theirs.
        let kept_who_left = if file.refused.is_empty() { 0 } else { std::mem::take(&mut left).len() };
        let set = ImportSet { file, left };
        let (others_found, mut report) = self.plan(&set, options).await?;
        report.stopped = if options.allow_deactivations { None } else { self.stop(report.deactivated).await? };
        if !options.dry_run && report.stopped.is_none() {
            self.write_all(&set, &others_found, report.added + report.changed).await?;
            self.directory.record_import(clock::now()).await?;
        }
        let File { refused, encoding, .. } = set.file;
        Ok(Report { refused, encoding, kept_who_left, dry_run: options.dry_run, ..report })
    }

    /// Counts what would change.
    async fn plan(&self, set: &ImportSet, options: ImportOptions) -> Result<(OtherAccounts, Report), StoreError> {
        let (mut others_found, mut summary) = (OtherAccounts::default(), Summary::new(&set.left, options.dry_run));
        let bar = ProgressBar::new(set.len() as u64).with_style(style());
        let mut differing = pin!(self.differing(set, &bar));
        while let Some(rows) = differing.try_next().await? {
            self.find_others(&rows, set, &mut others_found).await?;
            summary.add(&others_found.classify(rows));
        }
        bar.finish_and_clear();
        let report = summary.report(set.len(), others_found.changed.values());
        Ok((others_found, report))
    }

    /// Whether the number of deactivations needs confirmation.
    async fn stop(&self, deactivated: usize) -> Result<Option<Stopped>, StoreError> {
        if deactivated < 2 {
            return Ok(None);
        }
        let active = all_entries(&self.directory).await?.iter().filter(|entry| entry.active).count();
        Ok((deactivated * 100 > active * MAX_DEACTIVATED_PERCENT).then_some(Stopped { deactivated, active }))
    }

    /// The active accounts that the file lacks, deactivated.
    async fn departed(&self, file: &File) -> Result<BTreeMap<AccountName, Entry>, StoreError> {
        let all =
            all_entries(&self.directory).await?.into_iter().filter(|entry| entry.active).map(|entry| entry.account);
        let accounts: Vec<_> = all.filter(|account| !file.contains(account)).collect();
        let mut left = BTreeMap::new();
        // The scan is not consistent.
        for chunk in accounts.chunks(MAX_BATCH_GET) {
            let active = self.directory.entries(chunk).await?.into_iter().filter(|entry| entry.active);
            let gone = |entry| Entry { active: false, shared_mailbox: false, ..entry };
            left.extend(active.map(|entry| (entry.account.clone(), gone(entry))));
        }
        Ok(left)
    }

    /// The rows that differ, judged by the file alone.
    fn differing<'a>(
        &'a self,
        set: &'a ImportSet,
        bar: &'a ProgressBar,
    ) -> impl Stream<Item = Result<Vec<Row>, StoreError>> + 'a {
        let chunks = stream::iter(set.wanted()).chunks(MAX_BATCH_GET);
        chunks.map(|chunk| self.beside(chunk)).buffered(CONCURRENCY).map_ok(|mut rows| {
            bar.inc(rows.len() as u64);
            rows.retain(|row| !row.is_unchanged());
            rows
        })
    }

    async fn beside(&self, chunk: Vec<Entry>) -> Result<Vec<Row>, StoreError> {
        let accounts: Vec<_> = chunk.iter().map(|entry| entry.account.clone()).collect();
        let (entries, profiles) =
            futures_util::try_join!(self.directory.entries(&accounts), self.credentials.profiles(&accounts))?;
        let mut entries: HashMap<_, _> = entries.into_iter().map(|entry| (entry.account.clone(), entry)).collect();
        let mut profiles: HashMap<_, _> =
            profiles.into_iter().map(|profile| (profile.account.clone(), profile)).collect();
        let row = |mut wanted: Entry| {
            let (entry, profile) = (entries.remove(&wanted.account), profiles.remove(&wanted.account));
            // A bounce is remembered as long as the address is the same.
            let same = entry.as_ref().filter(|entry: &&Entry| entry.email == wanted.email);
            wanted.bounced_at = same.and_then(|entry| entry.bounced_at);
            Row { wanted, entry, profile }
        };
        Ok(chunk.into_iter().map(row).collect())
    }

    /// An account outside the set may share an address with a row, or may have shared one that the row gives up.
    async fn find_others(
        &self,
        rows: &[Row],
        set: &ImportSet,
        others_found: &mut OtherAccounts,
    ) -> Result<(), StoreError> {
        let entries = rows.iter().flat_map(|row| [Some(&row.wanted), row.entry.as_ref()]).flatten();
        let addresses: HashMap<_, _> = entries.filter_map(|it| it.email.as_ref()).map(|it| (it.as_str(), it)).collect();
        let mut found = pin!(
            stream::iter(addresses.into_values())
                .map(|address| async move { Ok((address, self.directory.find_by_email(address).await?)) })
                .buffer_unordered(CONCURRENCY)
        );
        while let Some((address, owners)) = found.try_next().await? {
            let others: Vec<_> =
                owners.into_iter().map(|found| found.account).filter(|account| !set.contains(account)).collect();
            if others.is_empty() {
                continue;
            }
            let shared = others.len() + set.file.owners_of(address) > 1;
            for chunk in others.chunks(MAX_BATCH_GET) {
                let entries = self.directory.entries(chunk).await?;
                let differing = entries.into_iter().filter(|entry| entry.shared_mailbox != shared);
                let changed = differing.map(|entry| (entry.account.clone(), Entry { shared_mailbox: shared, ..entry }));
                others_found.changed.extend(changed);
            }
            others_found.addresses.insert(address.as_str().to_owned());
        }
        Ok(())
    }

    /// Other accounts first: a repeated import does not look at them again once the row is written.
    async fn write_all(&self, set: &ImportSet, others_found: &OtherAccounts, rows: usize) -> Result<(), StoreError> {
        let changed: Vec<_> = others_found.changed.values().cloned().collect();
        for chunk in changed.chunks(MAX_BATCH_WRITE) {
            self.directory.put(chunk).await?;
        }
        if rows == 0 {
            return Ok(());
        }
        let bar = ProgressBar::new(rows as u64).with_style(style());
        self.differing(set, &ProgressBar::hidden())
            .try_for_each_concurrent(CONCURRENCY, |rows| async {
                for chunk in others_found.classify(rows).chunks(MAX_BATCH_WRITE) {
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
        let new: Vec<_> = rows.iter().filter(|row| row.profile.is_none()).map(|row| new_profile(&row.wanted)).collect();
        if !new.is_empty() {
            self.credentials.create(&new).await?;
        }
        for row in rows {
            let Row { wanted, profile: Some(profile), .. } = row else { continue };
            if !is_synchronized(wanted, profile) {
                self.credentials.sync_from_directory(wanted, profile.status).await?;
            }
        }
        let entries: Vec<_> = rows.iter().map(|row| row.wanted.clone()).collect();
        self.directory.put(&entries).await
    }
}

fn is_synchronized(entry: &Entry, profile: &AccountProfile) -> bool {
    profile.name == entry.name && profile.preferred_language == entry.language && profile.status.active == entry.active
}

fn new_profile(entry: &Entry) -> AccountProfile {
    AccountProfile {
        account: entry.account.clone(),
        status: CredentialStatus { version: 0, active: entry.active },
        name: entry.name.clone(),
        preferred_language: entry.language,
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar())
}
