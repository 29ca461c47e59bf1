//! Finds cargo-lambda, or installs it below `target/tools`.

use crate::child_guard;
use anyhow::{Context, bail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The version to install, and the oldest to accept. `WHEELS` has its hashes.
const VERSION: &str = "1.9.2";
const WHEELS: &str = "infra/deploy/cargo-lambda.txt";

/// The program to run: on the `PATH` if it is compatible, else below `target/tools`, where it is installed once.
pub async fn install(workspace: &Path) -> anyhow::Result<PathBuf> {
    let on_path = PathBuf::from("cargo-lambda");
    if is_compatible(&on_path).await {
        return Ok(on_path);
    }
    let tools = workspace.join("target/tools");
    let name = format!("cargo-lambda-{VERSION}");
    let installed = tools.join(&name);
    let program = installed.join("bin/cargo-lambda");
    if is_compatible(&program).await {
        return Ok(program);
    }
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let _lock = lock(tools.join("lock")).await?;
    // Another process may have installed it meanwhile.
    if is_compatible(&program).await {
        return Ok(program);
    }
    let part = tools.join(format!("{name}.part"));
    let mut errors = Vec::new();
    for installer in [Installer::Pip, Installer::Venv, Installer::Cargo] {
        remove(&part)?;
        match installer.run(workspace, &part).await {
            Ok(()) if is_compatible(&part.join("bin/cargo-lambda")).await => {
                remove(&installed)?;
                std::fs::rename(&part, &installed).with_context(|| format!("cannot create {}", installed.display()))?;
                return Ok(program);
            }
            Ok(()) => errors.push(format!("  {}: the installed program does not run here", installer.name())),
            Err(error) => errors.push(format!("  {}: {error:#}", installer.name())),
        }
    }
    bail!(
        "cannot find or install cargo-lambda {VERSION}:\n{}\n\
         Install Python 3 with pip (Debian, Ubuntu: `apt install python3-pip python3-venv`) or cargo-lambda itself, and try again.",
        errors.join("\n")
    )
}

async fn is_compatible(program: &Path) -> bool {
    let mut command = tokio::process::Command::new(program);
    let output = command.args(["lambda", "--version"]).stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let (found, wanted) = (output.ok().as_deref().and_then(version), numbers(VERSION));
    found.zip(wanted).is_some_and(|(found, wanted)| found >= wanted && found.0 == wanted.0)
}

/// The version in `cargo-lambda 1.9.2 (67129fc 2026-08-21Z)`.
fn version(output: &str) -> Option<(u32, u32, u32)> {
    numbers(output.strip_prefix("cargo-lambda ")?.split_whitespace().next()?)
}

fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

#[derive(Clone, Copy)]
enum Installer {
    Pip,
    Venv,
    Cargo,
}

impl Installer {
    const fn name(self) -> &'static str {
        match self {
            Self::Pip => "python3 -m pip",
            Self::Venv => "pip in a virtual environment",
            Self::Cargo => "cargo install",
        }
    }

    async fn run(self, workspace: &Path, target: &Path) -> anyhow::Result<()> {
        match self {
            Self::Pip => {
                eprintln!("cargo-lambda: installing its wheel below target/tools (about 10 MB, once) …");
                pip("python3".as_ref(), workspace, target).await
            }
            Self::Venv => {
                let venv = target.with_extension("venv");
                remove(&venv)?;
                eprintln!("cargo-lambda: installing its wheel through a virtual environment …");
                let mut python = child_guard::command("python3");
                python.args(["-m", "venv"]).arg(&venv);
                child_guard::run_quietly(python).await?;
                pip(&venv.join("bin/python"), workspace, target).await?;
                remove(&venv)
            }
            Self::Cargo => {
                eprintln!("cargo-lambda: building it with cargo install (about 15 minutes, once) …");
                let mut cargo = child_guard::command("cargo");
                cargo.args(["install", "--locked", "--root"]).arg(target).arg(format!("cargo-lambda@{VERSION}"));
                match child_guard::run(cargo).await? {
                    status if status.success() => Ok(()),
                    status => bail!("{status}; see its output above"),
                }
            }
        }
    }
}

/// Without its dependencies: 400 MB of zig, which only cross-compiling needs.
async fn pip(python: &Path, workspace: &Path, target: &Path) -> anyhow::Result<()> {
    let mut pip = child_guard::command(python);
    pip.args(["-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--target"]);
    pip.arg(target).arg("-r").arg(workspace.join(WHEELS));
    child_guard::run_quietly(pip).await
}

/// Lets one process install while others wait.
async fn lock(path: PathBuf) -> anyhow::Result<File> {
    let lock = move || {
        let file = File::create(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    tokio::task::spawn_blocking(lock).await?.context("cannot lock target/tools")
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{VERSION, numbers, version};

    #[test]
    fn cargo_lambda_version_is_parsed() {
        assert_eq!(version("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)\n"), Some((1, 9, 2)));
        assert_eq!(version("cargo-lambda 1.10.0\n"), Some((1, 10, 0)));
        assert_eq!(version("error: no such command"), None);
        assert!(numbers(VERSION).is_some());
    }
}
