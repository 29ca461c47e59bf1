//! Builds the functions with cargo.

use crate::host;
use anyhow::bail;
use guichet_cfn::template::Function;
use guichet_deploy::child_guard;
use std::path::Path;

/// Variables that cargo sets for a program that it runs. A nested cargo must not inherit them: the build script of ring
/// declares them as inputs, so that ring and everything that depends on it would be rebuilt.
pub const INHERITED_CARGO_VARS: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Builds the binaries of the functions and `guichet-admin` into the folder of this program.
pub async fn build(workspace: &Path, functions: &[Function]) -> anyhow::Result<()> {
    console!("building the functions; the first time takes some minutes …");
    let mut cargo = child_guard::command(host::env("CARGO").unwrap_or_else(|| "cargo".into()));
    // `--bin` without `--package`, from the root: all builds then share one set of features, and each dependency is built once.
    cargo.current_dir(workspace).args(["build", "--profile", if cfg!(debug_assertions) { "dev" } else { "release" }]);
    for name in functions.iter().map(|function| function.name.as_str()).chain(["guichet-admin"]) {
        cargo.args(["--bin", name]);
    }
    for name in INHERITED_CARGO_VARS {
        cargo.env_remove(name);
    }
    match child_guard::run(cargo).await? {
        status if status.success() => Ok(()),
        _ => bail!("cannot build the functions; see above"),
    }
}
