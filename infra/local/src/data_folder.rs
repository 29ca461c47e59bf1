//! The folder that keeps a stack's data between runs.

use anyhow::{Context, bail};
use guichet_deploy::stack_info;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub const DATABASE: &str = "dynamodb.sqlite";
pub const FAILPOINTS: &str = "failpoints";
pub const FAULTS: &str = "faults.json";
pub const MAILBOX: &str = "mail.jsonl";
pub const PERMISSIONS_LOG: &str = "permissions.log";
pub const SECRETS: &str = "secrets.json";
/// The directory that was last imported.
pub const SEED: &str = "seed.csv";
/// A directory whose import has not succeeded yet.
pub const NEW_SEED: &str = "seed-new.csv";
const STACK_NAME: &str = "stack-name";

/// What `--fresh` deletes. The folder may contain other files, since `--data` can name any folder.
const OWN_FILES: [&str; 9] = [
    DATABASE,
    "dynamodb.sqlite-shm",
    "dynamodb.sqlite-wal",
    MAILBOX,
    PERMISSIONS_LOG,
    SEED,
    NEW_SEED,
    SECRETS,
    stack_info::FILE,
];

/// The folder, locked for this process.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if necessary, makes it private, and locks it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let logs = path.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| format!("cannot create the data folder {}", path.display()))?;
        let path = std::fs::canonicalize(path).context("the data folder disappeared")?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o700))
            .with_context(|| format!("the data folder {} belongs to another user", path.display()))?;
        let lock = File::create(path.join("lock")).with_context(|| format!("cannot write to {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another `cargo dev` uses {}; stop it, or choose another --port", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Chosen at the first run, so that another port finds the same tables.
    pub fn stack_name(&self, port: u16) -> anyhow::Result<String> {
        if let Ok(name) = std::fs::read_to_string(self.file(STACK_NAME)) {
            return Ok(name.trim().to_owned());
        }
        let name = format!("guichet-{port}");
        self.write_private(STACK_NAME, name.as_bytes())?;
        Ok(name)
    }

    /// Deletes the data of earlier runs. The stack's name stays, since another engine holds tables under it.
    pub fn delete_data(&self) -> anyhow::Result<()> {
        for name in OWN_FILES {
            match std::fs::remove_file(self.file(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot delete {}", self.file(name).display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Atomically writes a file that only its owner can read.
    pub fn write_private(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let part = self.file(&format!("{name}.part"));
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(content)?;
            file.sync_all()?;
            std::fs::rename(&part, self.file(name))
        };
        write().with_context(|| format!("cannot write {}", self.file(name).display()))
    }
}

#[cfg(test)]
mod tests {
    use super::DataFolder;

    #[test]
    fn data_folder_is_locked() {
        let path = std::env::temp_dir().join(format!("guichet-data-{}", std::process::id()));
        let data = DataFolder::open(&path).unwrap();
        assert!(DataFolder::open(&path).err().unwrap().to_string().contains("another `cargo dev`"));
        assert_eq!(data.stack_name(3000).unwrap(), "guichet-3000");
        assert_eq!(data.stack_name(4000).unwrap(), "guichet-3000");
        drop(data);
        assert!(DataFolder::open(&path).is_ok());
        std::fs::remove_dir_all(path).unwrap();
    }
}
