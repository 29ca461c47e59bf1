//! Fills the directory: from the person's own file, or with fictitious people.

use crate::data_folder::{DataFolder, NEW_SEED, SEED};
use crate::host;
use anyhow::{Context, bail};
use guichet_deploy::child_guard;
use std::path::Path;

const FICTITIOUS: &str = include_str!("seed.csv");
const FICTITIOUS_PEOPLE: &str = "fictitious people to try as (the inbox has their emails):
  tremblam  Marie Tremblay           gagnonjf  Jean-François Gagnon
  lefebvre  Hélène Lefebvre-Côté     larcheve  Geneviève L’Archevêque
  nguyenth  Thị Mai Nguyễn           stlauren  Dave St-Laurent
  obriensh  Seán O’Brien, English    smithjoh  John Smith, English
 and people who get no link:
  boisvera  Alice Boisvert, not active
  pelletie  Zoé Pelletier, no email address
  royadmin and cyradmin, Loïc Roy and Noémie Cyr, who share a mailbox";
/// Exit code of an import that refused some lines.
const EXIT_PARTIAL: i32 = 2;

/// Imports `file` if given, else the directory of an earlier run, else fictitious people. Without `file` it imports
/// only if the directory's table is new (`empty`) or no import has succeeded yet.
pub async fn import(data: &DataFolder, file: Option<&Path>, empty: bool) -> anyhow::Result<()> {
    let seed = data.file(SEED);
    let people = match file {
        Some(file) => std::fs::read(file).with_context(|| format!("--directory: cannot read {}", file.display()))?,
        None => std::fs::read(&seed).unwrap_or_else(|_| FICTITIOUS.into()),
    };
    if let Some(file) = file {
        // Under its own name, so that messages about refused lines name the person's file.
        run_import(data, file).await?;
        data.write_private(SEED, &people)?;
    } else if empty || !seed.exists() {
        let new = data.file(NEW_SEED);
        data.write_private(NEW_SEED, &people)?;
        run_import(data, &new).await?;
        std::fs::rename(&new, &seed).with_context(|| format!("cannot write {}", seed.display()))?;
    }
    if people == FICTITIOUS.as_bytes() {
        console!("{FICTITIOUS_PEOPLE}");
    }
    Ok(())
}

async fn run_import(data: &DataFolder, file: &Path) -> anyhow::Result<()> {
    let mut command = child_guard::command(host::sibling("guichet-admin")?);
    command.args(["import", "--allow-deactivations"]).arg(file).arg("--data").arg(data.path());
    let status = child_guard::run(command).await?;
    if status.success() || status.code() == Some(EXIT_PARTIAL) {
        return Ok(());
    }
    bail!("cannot import the directory {}; see above", file.display())
}

#[cfg(test)]
mod tests {
    use super::{FICTITIOUS, FICTITIOUS_PEOPLE};

    #[test]
    fn seed_accounts_are_listed() {
        let accounts = FICTITIOUS.lines().skip(1).filter_map(|line| line.split(',').next());
        assert!(accounts.into_iter().all(|account| FICTITIOUS_PEOPLE.contains(account)));
    }
}
