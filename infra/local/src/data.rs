//! The folder that keeps a local stack's data from one start to the next.

use crate::staff;
use anyhow::{Context, anyhow};
use guichet_deploy::stack_info;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What `--fresh` takes away. The folder may hold other things: `--data` names any.
const KEPT: [&str; 9] = [
    "dynamodb.sqlite",
    "dynamodb.sqlite-shm",
    "dynamodb.sqlite-wal",
    "mail.jsonl",
    "permissions.log",
    staff::KEPT,
    staff::NEW,
    "secrets.json",
    stack_info::FILE,
];

/// The folder, held by this process alone.
pub struct Data {
    folder: PathBuf,
    _lock: File,
}

impl Data {
    /// Makes the folder where it is missing, readable for its owner alone, and takes it.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs)
            .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
        let folder = std::fs::canonicalize(folder).context("the data folder went away")?;
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700))
            .with_context(|| format!("the data folder {} is not ours", folder.display()))?;
        let lock =
            File::create(folder.join("lock")).with_context(|| format!("{} is not writable", folder.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another `cargo dev` uses the data in {}; stop it, or take another --port",
                folder.display()
            )),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", folder.display()))
            }
        }
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the stack: given once, so that the tables are found again behind another port.
    pub fn stack_name(&self, port: u16) -> anyhow::Result<String> {
        if let Ok(name) = std::fs::read_to_string(self.file("stack-name")) {
            return Ok(name.trim().to_owned());
        }
        let name = format!("guichet-{port}");
        self.write_private("stack-name", name.as_bytes())?;
        Ok(name)
    }

    /// Forgets all that earlier starts kept, but the name of the stack: what another engine holds is under it.
    pub fn forget(&self) -> anyhow::Result<()> {
        for name in KEPT {
            match std::fs::remove_file(self.file(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("{} cannot be removed", self.file(name).display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a file that only its owner reads, whole or not at all.
    pub fn write_private(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let part = self.file(&format!("{name}.part"));
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(content)?;
            file.sync_all()?;
            std::fs::rename(&part, self.file(name))
        };
        write().with_context(|| format!("{} cannot be written", self.file(name).display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Data;

    #[test]
    fn one_process_at_a_time_has_the_folder() {
        let folder = std::env::temp_dir().join(format!("guichet-data-{}", std::process::id()));
        let data = Data::open(&folder).unwrap();
        assert!(Data::open(&folder).err().unwrap().to_string().contains("another `cargo dev`"));
        assert_eq!(data.stack_name(3000).unwrap(), "guichet-3000");
        assert_eq!(data.stack_name(4000).unwrap(), "guichet-3000");
        drop(data);
        assert!(Data::open(&folder).is_ok());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
