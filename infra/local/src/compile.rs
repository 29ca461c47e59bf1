//! Builds the functions, as cargo would for anybody.

use crate::failure::Failure;
use crate::machine;
use crate::template::Function;
use crate::tether;
use std::path::Path;

/// Builds the binaries of the functions and of `guichet-admin`, beside this one.
pub async fn build(workspace: &Path, functions: &[Function]) -> Result<(), Failure> {
    eprintln!("building the functions; the first time takes some minutes …");
    let mut cargo = tether::command(machine::environment("CARGO").unwrap_or_else(|| "cargo".into()))?;
    // By name alone, from the workspace's root: so that all builds share one set of features, and each dependency is
    // built once.
    cargo.current_dir(workspace).args(["build", "--profile", if cfg!(debug_assertions) { "dev" } else { "release" }]);
    for name in functions.iter().map(|function| function.name.as_str()).chain(["guichet-admin"]) {
        cargo.args(["--bin", name]);
    }
    match tether::run(&mut cargo).await? {
        status if status.success() => Ok(()),
        _ => Err(Failure::new("the functions do not build; the reason stands above")),
    }
}
