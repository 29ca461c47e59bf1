//! Who is in the directory: the person's own file, or a small fictitious staff.

use crate::data::Data;
use crate::machine;
use anyhow::{Context, anyhow};
use guichet_deploy::child_guard;
use std::path::Path;

/// What was imported last, kept to be imported again where the engine lost its tables.
pub const KEPT: &str = "personnel.csv";
/// What is imported for the first time; it gets the other name when that is done.
pub const NEW: &str = "personnel-new.csv";
/// Exit code of an import that refused some lines.
const EXIT_PARTIAL: i32 = 2;
const FICTITIOUS: &str = include_str!("personnel.csv");

/// Who one can try as, with the fictitious staff.
const WHO: &str = "fictitious staff, to try as (their mails are in the inbox):
  tremblam  Marie Tremblay           gagnonjf  Jean-François Gagnon
  lefebvre  Hélène Lefebvre-Côté     larcheve  Geneviève L’Archevêque
  nguyenth  Thị Mai Nguyễn           stlauren  Dave St-Laurent
  obriensh  Seán O’Brien, English    smithjoh  John Smith, English
 and who gets no link:
  boisvera  Alice Boisvert, not active
  pelletie  Zoé Pelletier, without a mail address
  royadmin and cyradmin, Loïc Roy and Noémie Cyr, who share a mailbox";

/// Fills the directory before the stack is ready: from `file` where one is given, else from what an earlier start kept,
/// else with a fictitious staff. `empty` says that the directory's table is new.
pub async fn bring(data: &Data, file: Option<&Path>, empty: bool) -> anyhow::Result<()> {
    let kept = data.file(KEPT);
    let staff = match file {
        Some(file) => std::fs::read(file).with_context(|| format!("--directory {} cannot be read", file.display()))?,
        None => std::fs::read(&kept).unwrap_or_else(|_| FICTITIOUS.into()),
    };
    if file.is_some() || empty || !kept.exists() {
        // Under its own name a refused line is told with the file that the person knows.
        if let Some(file) = file {
            import(data, file).await?;
            data.write_private(KEPT, &staff)?;
        } else {
            let new = data.file(NEW);
            data.write_private(NEW, &staff)?;
            import(data, &new).await?;
            std::fs::rename(&new, &kept).with_context(|| format!("{} cannot be written", kept.display()))?;
        }
    }
    if staff == FICTITIOUS.as_bytes() {
        eprintln!("{WHO}");
    }
    Ok(())
}

async fn import(data: &Data, file: &Path) -> anyhow::Result<()> {
    let mut command = child_guard::command(machine::sibling("guichet-admin")?);
    command.args(["import", "--allow-deactivations"]).arg(file).arg("--data").arg(data.folder());
    let status = child_guard::run(command).await?;
    if status.success() || status.code() == Some(EXIT_PARTIAL) {
        return Ok(());
    }
    Err(anyhow!("the directory {} was not imported; the reason stands above", file.display()))
}

#[cfg(test)]
mod tests {
    use super::{FICTITIOUS, WHO};

    #[test]
    fn everybody_who_is_there_is_named() {
        let accounts = FICTITIOUS.lines().skip(1).filter_map(|line| line.split(',').next());
        assert!(accounts.into_iter().all(|account| WHO.contains(account)));
    }
}
