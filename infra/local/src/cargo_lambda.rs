//! Brings cargo-lambda, by the first way that works.

use crate::tether;
use anyhow::{Context, anyhow};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What is brought, and what is on the machine must be at least. The hashes in `WHEELS` are of this one.
const VERSION: &str = "1.9.2";
const WHEELS: &str = "infra/local/cargo-lambda.txt";

/// The program to run, installed below `target/tools` where the machine has none that will do.
pub async fn bring(workspace: &Path) -> anyhow::Result<PathBuf> {
    let on_path = PathBuf::from("cargo-lambda");
    if will_do(&on_path).await {
        return Ok(on_path);
    }
    let tools = workspace.join("target/tools");
    let tool = format!("cargo-lambda-{VERSION}");
    let kept = tools.join(&tool);
    let program = kept.join("bin/cargo-lambda");
    if will_do(&program).await {
        return Ok(program);
    }
    std::fs::create_dir_all(&tools).with_context(|| format!("{} cannot be made", tools.display()))?;
    let _lock = locked(tools.join("lock")).await?;
    if will_do(&program).await {
        return Ok(program);
    }
    let part = tools.join(format!("{tool}.part"));
    let mut said = Vec::new();
    for way in [Way::Pip, Way::Venv, Way::CargoInstall] {
        remove(&part)?;
        match install(way, workspace, &part).await {
            Ok(()) if will_do(&part.join("bin/cargo-lambda")).await => {
                remove(&kept)?;
                std::fs::rename(&part, &kept).with_context(|| format!("{} cannot be made", kept.display()))?;
                return Ok(program);
            }
            Ok(()) => said.push(format!("  {}: what it installed does not run here", way.name())),
            Err(failure) => said.push(format!("  {}: {failure:#}", way.name())),
        }
    }
    Err(anyhow!(
        "cargo-lambda {VERSION} is not here and cannot be installed:\n{}\n\
         Install Python 3 with pip (Debian, Ubuntu: `apt install python3-pip python3-venv`), or cargo-lambda itself, and start again.",
        said.join("\n")
    ))
}

/// Whether a program is a cargo-lambda that speaks as ours does.
async fn will_do(program: &Path) -> bool {
    let asked = Command::new(program).args(["lambda", "--version"]).stdin(Stdio::null()).kill_on_drop(true).output();
    let said = asked.await.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let (said, wanted) = (said.ok().as_deref().and_then(version), numbers(VERSION));
    said.zip(wanted).is_some_and(|(said, wanted)| said >= wanted && said.0 == wanted.0)
}

/// The version in `cargo-lambda 1.9.2 (67129fc 2026-08-21Z)`.
fn version(said: &str) -> Option<(u32, u32, u32)> {
    numbers(said.strip_prefix("cargo-lambda ")?.split_whitespace().next()?)
}

fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
}

#[derive(Clone, Copy)]
enum Way {
    Pip,
    Venv,
    CargoInstall,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Pip => "python3 -m pip",
            Self::Venv => "pip in a virtual environment",
            Self::CargoInstall => "cargo install",
        }
    }
}

async fn install(way: Way, workspace: &Path, part: &Path) -> anyhow::Result<()> {
    match way {
        Way::Pip => {
            eprintln!("cargo-lambda: installing its wheel below target/tools (about 10 MB, once) …");
            pip("python3".as_ref(), workspace, part).await
        }
        Way::Venv => {
            let venv = part.with_extension("venv");
            remove(&venv)?;
            eprintln!("cargo-lambda: the same through a virtual environment …");
            quietly(tether::command("python3")?.args(["-m", "venv"]).arg(&venv)).await?;
            pip(&venv.join("bin/python"), workspace, part).await?;
            remove(&venv)
        }
        Way::CargoInstall => {
            eprintln!("cargo-lambda: building it with cargo install, about 15 minutes, once …");
            let mut cargo = tether::command("cargo")?;
            cargo.args(["install", "--locked", "--root"]).arg(part).arg(format!("cargo-lambda@{VERSION}"));
            match tether::run(&mut cargo).await? {
                status if status.success() => Ok(()),
                status => Err(anyhow!("{status}; what it said stands above")),
            }
        }
    }
}

/// Without its dependencies (400 MB of zig, which the local stack does not need), and only what the hashes name.
async fn pip(python: &Path, workspace: &Path, part: &Path) -> anyhow::Result<()> {
    let mut pip = tether::command(python)?;
    pip.args(["-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--target"]);
    quietly(pip.arg(part).arg("-r").arg(workspace.join(WHEELS))).await
}

/// Runs a tethered command; where it fails, the failure is the end of what it said.
async fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("it cannot be started")?;
    let _rope = child.stdin.take();
    let output = child.wait_with_output().await.context("it cannot be waited for")?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    Err(anyhow::Error::msg(lines[lines.len().saturating_sub(3)..].join(" / ")))
}

/// Several stacks may start at once; one installs, the others wait.
async fn locked(path: PathBuf) -> anyhow::Result<File> {
    let lock = move || {
        let file = File::create(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    let locked = tokio::task::spawn_blocking(lock).await.context("the lock of target/tools is lost")?;
    locked.context("target/tools cannot be locked")
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{VERSION, numbers, version};

    #[test]
    fn the_version_is_read_from_what_it_says() {
        assert_eq!(version("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)\n"), Some((1, 9, 2)));
        assert_eq!(version("cargo-lambda 1.10.0\n"), Some((1, 10, 0)));
        assert_eq!(version("error: no such command"), None);
        assert!(numbers(VERSION).is_some());
    }
}
