//! The report of an import.

use super::Row;
use super::file::Refusal;
use guichet_domain::account::AccountName;
use guichet_domain::email_address::EmailAddress;
use guichet_store::directory::Entry;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub encoding: &'static str,
    pub added: usize,
    pub changed: usize,
    /// Included in `changed`.
    pub deactivated: usize,
    pub unchanged: usize,
    pub refused: Vec<Refusal>,
    /// People who seem to have a new account: the deactivated one and the added one.
    pub renamed: Vec<(AccountName, AccountName)>,
    /// Accounts missing from a complete file that were not deactivated, because a line was refused.
    pub kept_who_left: usize,
    pub dry_run: bool,
    /// Why nothing was imported.
    pub stopped: Option<Stopped>,
    /// Only in a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// More accounts would be deactivated than allowed without confirmation.
#[derive(Debug, Serialize)]
pub(crate) struct Stopped {
    pub deactivated: usize,
    pub active: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    pub account: AccountName,
    pub added: bool,
    /// Column, old value, new value.
    pub columns: Vec<(&'static str, String, String)>,
}

/// Accumulates the report.
pub(super) struct Summary<'a> {
    report: Report,
    lists_differences: bool,
    left: &'a BTreeMap<AccountName, Entry>,
    /// Addresses and names of those who left.
    identities: HashSet<String>,
    /// Added accounts that may belong to one of them.
    candidates: Vec<Entry>,
}

impl<'a> Summary<'a> {
    pub(super) fn new(left: &'a BTreeMap<AccountName, Entry>, lists_differences: bool) -> Self {
        let identities = IDENTITIES.iter().flat_map(|identity| left.values().filter_map(identity)).collect();
        Self { report: Report::default(), lists_differences, left, identities, candidates: Vec::new() }
    }

    pub(super) fn add(&mut self, rows: &[Row]) {
        let added = rows.iter().filter(|row| row.entry.is_none()).map(|row| &row.wanted);
        self.report.added += added.clone().count();
        self.report.changed += rows.len() - added.clone().count();
        self.report.deactivated += rows.iter().filter(|row| row.is_deactivated()).count();
        let is_candidate =
            |entry: &&Entry| IDENTITIES.iter().filter_map(|by| by(entry)).any(|it| self.identities.contains(&it));
        self.candidates.extend(added.filter(|entry| entry.active).filter(is_candidate).cloned());
        if self.lists_differences {
            self.report.differences.extend(rows.iter().map(|row| Difference::of(row.entry.as_ref(), &row.wanted)));
        }
    }

    /// The report about this many rows and the changed accounts outside the set.
    pub(super) fn report<'b>(self, rows: usize, others: impl Iterator<Item = &'b Entry>) -> Report {
        let Self { mut report, lists_differences, left, candidates, .. } = self;
        report.unchanged = rows.saturating_sub(report.added + report.changed);
        report.renamed = renamed(&[left.values().collect(), candidates.iter().collect()]);
        report.differences.extend(others.filter(|_| lists_differences).map(|wanted| {
            let entry = Entry { shared_mailbox: !wanted.shared_mailbox, ..wanted.clone() };
            Difference::of(Some(&entry), wanted)
        }));
        report.differences.sort_by(|one, other| one.account.cmp(&other.account));
        report
    }
}

/// A person with a new account is recognized by the address, or else by the name.
const IDENTITIES: [fn(&Entry) -> Option<String>; 2] =
    [|entry| entry.email.as_ref().map(|email| email.as_str().to_owned()), |entry| Some(entry.name.folded())];

/// Pairs of a deactivated and an added account whose identity is unique on both sides.
fn renamed(sides: &[Vec<&Entry>; 2]) -> Vec<(AccountName, AccountName)> {
    let mut pairs: Vec<(AccountName, AccountName)> = Vec::new();
    for identity in IDENTITIES {
        let mut alike: BTreeMap<String, [Vec<&AccountName>; 2]> = BTreeMap::new();
        for (side, entries) in sides.iter().enumerate() {
            for (identity, entry) in entries.iter().filter_map(|entry| Some((identity(entry)?, entry))) {
                alike.entry(identity).or_default()[side].push(&entry.account);
            }
        }
        let taken: HashSet<_> = pairs.iter().flat_map(|(gone, new)| [gone.clone(), new.clone()]).collect();
        for sides in alike.values() {
            if let [[gone], [new]] = sides.each_ref().map(Vec::as_slice)
                && ![gone, new].iter().any(|account| taken.contains(**account))
            {
                pairs.push(((*gone).clone(), (*new).clone()));
            }
        }
    }
    pairs
}

impl Difference {
    fn of(entry: Option<&Entry>, wanted: &Entry) -> Self {
        let (before, after) = (entry.map(columns), columns(wanted));
        let columns = after.into_iter().enumerate().filter_map(|(at, (column, after))| {
            let before = before.as_ref().map(|before| before[at].1.clone()).unwrap_or_default();
            (before != after).then_some((column, before, after))
        });
        Self { account: wanted.account.clone(), added: entry.is_none(), columns: columns.collect() }
    }
}

fn columns(entry: &Entry) -> [(&'static str, String); 6] {
    let yes_or_no = |yes: bool| if yes { "oui" } else { "non" }.to_owned();
    [
        ("courriel", entry.email.as_ref().map(EmailAddress::as_str).unwrap_or_default().to_owned()),
        ("prenom", entry.name.given_name.clone()),
        ("nom", entry.name.family_name.clone()),
        ("langue", entry.language.tag()[..2].to_owned()),
        ("actif", yes_or_no(entry.active)),
        ("courriel partagé", yes_or_no(entry.shared_mailbox)),
    ]
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_deactivated = self.columns.iter().any(|(column, before, _)| *column == "actif" && before == "oui");
        let sign = if self.added {
            '+'
        } else if is_deactivated {
            '-'
        } else {
            '~'
        };
        write!(f, "{sign} {}", self.account)?;
        for (column, before, after) in &self.columns {
            if self.added {
                write!(f, "  {column}: {after}")?;
            } else {
                write!(f, "  {column}: {before:?} -> {after:?}")?;
            }
        }
        if self.columns.is_empty() {
            f.write_str("  (an earlier import was interrupted here)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.encoding != "UTF-8" {
            writeln!(f, "read as {}", self.encoding)?;
        }
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        for refusal in &self.refused {
            writeln!(f, "refused, {refusal}")?;
        }
        for (left, came) in &self.renamed {
            writeln!(f, "renamed: {left} -> {came}, which must register again")?;
        }
        if self.kept_who_left > 0 {
            let count = self.kept_who_left;
            writeln!(
                f,
                "{count} accounts missing from the file were not deactivated, because a refused line may be one of them"
            )?;
        }
        if let Some(Stopped { deactivated, active }) = &self.stopped {
            let sentence = "would be deactivated, more than 5 %. Check them with --dry-run; if they are right, import with --allow-deactivations";
            writeln!(f, "nothing was imported: {deactivated} of {active} active accounts {sentence}")?;
        } else if self.dry_run {
            writeln!(f, "dry run, nothing was written:")?;
        }
        let Self { added, changed, deactivated, unchanged, refused, .. } = self;
        let of_them = if *deactivated > 0 { format!(" ({deactivated} deactivated)") } else { String::new() };
        writeln!(f, "{added} added, {changed} changed{of_them}, {unchanged} unchanged, {} refused", refused.len())
    }
}
