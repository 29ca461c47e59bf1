//! What an import did, or would do.

use super::Row;
use super::file::Refusal;
use guichet_core::account::AccountName;
use guichet_core::mailbox::MailAddress;
use guichet_core::store::directory::Entry;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// What an import did, or would do.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// How the file's letters are written.
    pub encoding: &'static str,
    /// Accounts that were not there before.
    pub added: usize,
    /// Accounts of which something changed.
    pub changed: usize,
    /// Of those, the ones that may not be used any more.
    pub deactivated: usize,
    /// Accounts that were as the file says.
    pub unchanged: usize,
    /// Lines that were not taken.
    pub refused: Vec<Refusal>,
    /// Who seems to have another account now: the one that is deactivated, and the one that is added.
    pub renamed: Vec<(AccountName, AccountName)>,
    /// Accounts that a complete file does not name and that were left as they are, for a line of it was refused.
    pub kept_who_left: usize,
    /// Whether it was only tried.
    pub dry_run: bool,
    /// Why nothing is imported, where that is so.
    pub stopped: Option<Stopped>,
    /// What would change; nothing where it has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
}

/// More accounts would be deactivated than are without being asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Stopped {
    /// How many would be.
    pub deactivated: usize,
    /// How many are active.
    pub active: usize,
}

/// What would change of an account.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    /// Which.
    pub account: AccountName,
    /// Whether it would be added.
    pub added: bool,
    /// The columns that differ, with what stands there and what would.
    pub columns: Vec<(&'static str, String, String)>,
}

/// What rows that pass by come to.
pub(super) struct Sum<'a> {
    report: Report,
    /// Whether each difference is told.
    told: bool,
    left: &'a BTreeMap<AccountName, Entry>,
    /// By what they are known again.
    known_by: HashSet<String>,
    /// Who came that may be one of them.
    came: Vec<Entry>,
}

impl<'a> Sum<'a> {
    pub(super) fn of(left: &'a BTreeMap<AccountName, Entry>, told: bool) -> Self {
        let known_by = KNOWN_BY.iter().flat_map(|known_by| left.values().filter_map(known_by)).collect();
        Self { report: Report::default(), told, left, known_by, came: Vec::new() }
    }

    pub(super) fn add(&mut self, rows: &[Row]) {
        let added = rows.iter().filter(|row| row.entry.is_none()).map(|row| &row.wanted);
        self.report.added += added.clone().count();
        self.report.changed += rows.len() - added.clone().count();
        self.report.deactivated += rows.iter().filter(|row| row.is_deactivated()).count();
        let is_known = |came: &&Entry| KNOWN_BY.iter().filter_map(|by| by(came)).any(|it| self.known_by.contains(&it));
        self.came.extend(added.filter(|came| came.active).filter(is_known).cloned());
        if self.told {
            self.report.differences.extend(rows.iter().map(|row| Difference::of(row.entry.as_ref(), &row.wanted)));
        }
    }

    /// All of so many rows, and of what is changed beyond them.
    pub(super) fn report<'b>(self, rows: usize, beyond: impl Iterator<Item = &'b Entry>) -> Report {
        let Self { mut report, told, left, came, .. } = self;
        report.unchanged = rows.saturating_sub(report.added + report.changed);
        report.renamed = renamed(&[left.values().collect(), came.iter().collect()]);
        report.differences.extend(beyond.filter(|_| told).map(|wanted| {
            let entry = Entry { shared_mailbox: !wanted.shared_mailbox, ..wanted.clone() };
            Difference::of(Some(&entry), wanted)
        }));
        report.differences.sort_by(|one, other| one.account.cmp(&other.account));
        report
    }
}

/// Somebody with another account is known again by the address, or else by the name.
const KNOWN_BY: [fn(&Entry) -> Option<String>; 2] =
    [|entry| entry.email.as_ref().map(|email| email.as_str().to_owned()), |entry| Some(entry.name.folded())];

/// Who left and who came with what nobody else has who left or came.
fn renamed(sides: &[Vec<&Entry>; 2]) -> Vec<(AccountName, AccountName)> {
    let mut pairs: Vec<(AccountName, AccountName)> = Vec::new();
    for known_by in KNOWN_BY {
        let mut alike: BTreeMap<String, [Vec<&AccountName>; 2]> = BTreeMap::new();
        for (side, entries) in sides.iter().enumerate() {
            for (known_by, entry) in entries.iter().filter_map(|entry| Some((known_by(entry)?, entry))) {
                alike.entry(known_by).or_default()[side].push(&entry.account);
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
        ("courriel", entry.email.as_ref().map(MailAddress::as_str).unwrap_or_default().to_owned()),
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
            writeln!(f, "renamed: {left} -> {came}, which registers anew")?;
        }
        if self.kept_who_left > 0 {
            let count = self.kept_who_left;
            writeln!(
                f,
                "{count} not in the file are taken to be there still, for a line that was refused may be theirs"
            )?;
        }
        if let Some(Stopped { deactivated, active }) = &self.stopped {
            let sentence = "would be deactivated, more than 5 %. Look at them with --dry-run; if they are right, import with --allow-deactivations";
            writeln!(f, "nothing is imported: {deactivated} of {active} active accounts {sentence}")?;
        } else if self.dry_run {
            writeln!(f, "dry run, nothing is written:")?;
        }
        let Self { added, changed, deactivated, unchanged, refused, .. } = self;
        let of_them = if *deactivated > 0 { format!(" ({deactivated} deactivated)") } else { String::new() };
        writeln!(f, "{added} added, {changed} changed{of_them}, {unchanged} unchanged, {} refused", refused.len())
    }
}
