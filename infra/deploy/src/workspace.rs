//! Paths in a clone of the repository.

use std::io;
use std::path::{Path, PathBuf};

/// The clone from which this program was built, or else the one that contains the current directory.
pub fn root() -> io::Result<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let current = std::env::current_dir()?;
    let mut candidates = [built_from.as_path()].into_iter().chain(current.ancestors());
    let root = candidates.find(|folder| folder.join("infra/template.yaml").is_file());
    root.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "run this in a clone of Guichet"))?.canonicalize()
}

/// The binary of a packaged function, at the template's `CodeUri`.
pub fn packaged_function(name: &str) -> io::Result<PathBuf> {
    Ok(root()?.join("target/lambda").join(name).join("bootstrap"))
}
