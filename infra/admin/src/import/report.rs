//! What an import did, or would do.

use super::Row;
use super::file::Refusal;
use guichet_core::account::AccountName;
use guichet_core::mailbox::MailAddress;
use guichet_core::store::directory::Entry;
use serde::Serialize;
use std::fmt;

/// What an import did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct Report {
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
pub struct Stopped {
    /// How many would be.
    pub deactivated: usize,
    /// How many are active.
    pub active: usize,
}

/// What would change of an account.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// Which.
    pub account: AccountName,
    /// Whether it would be added.
    pub added: bool,
    /// The columns that differ, with what stands there and what would.
    pub columns: Vec<(&'static str, String, String)>,
}

impl Report {
    pub(super) fn of(rows: &[Row], outsiders: &[Entry], total: usize) -> Self {
        let added = rows.iter().filter(|row| row.entry.is_none()).count();
        let mut differences: Vec<_> = rows.iter().map(|row| Difference::of(row.entry.as_ref(), &row.wanted)).collect();
        differences.extend(outsiders.iter().map(|wanted| {
            let entry = Entry { shared_mailbox: !wanted.shared_mailbox, ..wanted.clone() };
            Difference::of(Some(&entry), wanted)
        }));
        differences.sort_by(|one, other| one.account.as_str().cmp(other.account.as_str()));
        Self {
            added,
            changed: rows.len() - added,
            deactivated: rows.iter().filter(|row| row.is_deactivated()).count(),
            unchanged: total.saturating_sub(rows.len()),
            renamed: renamed(rows),
            differences,
            ..Self::default()
        }
    }
}

/// Who left and who came with the same address, or with the same name where no other has it.
fn renamed(rows: &[Row]) -> Vec<(AccountName, AccountName)> {
    let left: Vec<_> = rows.iter().filter(|row| row.left).map(|row| &row.wanted).collect();
    let came: Vec<_> =
        rows.iter().filter(|row| row.entry.is_none() && row.wanted.active).map(|row| &row.wanted).collect();
    let by_address = |one: &Entry, other: &Entry| one.email.is_some() && one.email == other.email;
    let by_name = |one: &Entry, other: &Entry| one.name.folded() == other.name.folded();
    let mut pairs: Vec<(AccountName, AccountName)> = Vec::new();
    for is_same in [by_address as fn(&Entry, &Entry) -> bool, by_name] {
        for gone in &left {
            let alike = left.iter().filter(|other| is_same(gone, other)).count();
            let found: Vec<_> = came.iter().filter(|entry| is_same(gone, entry)).collect();
            let taken = |name: &AccountName| pairs.iter().any(|(left, came)| left == name || came == name);
            if let ([new], 1) = (&found[..], alike)
                && !taken(&gone.account)
                && !taken(&new.account)
            {
                pairs.push((gone.account.clone(), new.account.clone()));
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
