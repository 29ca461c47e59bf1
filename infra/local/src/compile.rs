//! Builds the functions, as cargo would for anybody.

use crate::machine;
use anyhow::anyhow;
use guichet_cfn::template::Function;
use guichet_deploy::child_guard;
use std::path::Path;

/// What cargo tells a program that it runs of the program's package. A cargo that is run in turn must not see it: the build
/// script of ring asks for these by name, and would be run anew, and all that stands on ring be built again.
pub const OF_THIS_PACKAGE: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Builds the binaries of the functions and of `guichet-admin`, beside this one.
pub async fn build(workspace: &Path, functions: &[Function]) -> anyhow::Result<()> {
    eprintln!("building the functions; the first time takes some minutes …");
    let mut cargo = child_guard::command(machine::environment("CARGO").unwrap_or_else(|| "cargo".into()));
    // By name alone, from the workspace's root: so that all builds share one set of features, and each dependency is
    // built once.
    cargo.current_dir(workspace).args(["build", "--profile", if cfg!(debug_assertions) { "dev" } else { "release" }]);
    for name in functions.iter().map(|function| function.name.as_str()).chain(["guichet-admin"]) {
        cargo.args(["--bin", name]);
    }
    for name in OF_THIS_PACKAGE {
        cargo.env_remove(name);
    }
    match child_guard::run(cargo).await? {
        status if status.success() => Ok(()),
        _ => Err(anyhow!("the functions do not build; the reason stands above")),
    }
}
