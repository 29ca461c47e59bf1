//! Child processes that do not outlive this one, even where it is killed with `kill -9`.
//!
//! The child is started as `guichet-local tether -- PROGRAM ARGUMENTS`. That sets a guard, a shell that waits for its
//! standard input to end, and turns itself into the program. The other end of that input is held here; when it goes, by
//! will or by death, the guard kills the program's whole process group. The program keeps the process id that it was
//! started with, so killing or waiting for the child means the program itself.

use anyhow::{Context, anyhow};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, ChildStdin, Command};

/// `kill -9 -- -N` is not understood by every shell; this is POSIX.
const GUARD: &str = "read -r _; kill -s KILL -- \"-$0\"";

/// A running child, and the rope that keeps it alive.
pub struct Tethered {
    child: Child,
    rope: Option<ChildStdin>,
}

/// A command for `program`, which gets a process group of its own: Ctrl-C on the terminal does not reach it.
pub fn command(program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
    let this = std::env::current_exe().context("this program cannot tell where it lies")?;
    let mut command = Command::new(this);
    command.args(["tether", "--"]).arg(program).stdin(Stdio::piped());
    Ok(command)
}

impl Tethered {
    /// Starts a command made by [`command`].
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.spawn().context("a child process cannot be started")?;
        // Taken out, since waiting for a child closes the input that it still holds.
        let rope = child.stdin.take();
        Ok(Self { child, rope })
    }

    /// The child's standard output and error, where they were asked for as pipes.
    pub fn output(&mut self) -> (Option<tokio::process::ChildStdout>, Option<tokio::process::ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the program's end.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.wait().await.context("a child process cannot be waited for")
    }

    /// Ends the program; the guard ends what it started.
    pub async fn stop(mut self) {
        self.rope.take();
        // What cannot be killed has ended.
        let _ = self.child.kill().await;
    }
}

/// Runs a tethered program to its end; its output goes where this program's messages go.
pub async fn run(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command.stdout(std::io::stderr());
    let mut running = Tethered::start(command)?;
    running.ended().await
}

/// The inside of `guichet-local tether`: comes back only where the program cannot be started.
#[must_use]
pub fn become_program(words: &[OsString]) -> anyhow::Error {
    let Some((program, arguments)) = words.split_first() else {
        return anyhow!("tether: which program?");
    };
    let mut guard = std::process::Command::new("sh");
    guard.args(["-c", GUARD, &std::process::id().to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = guard.process_group(0).spawn() {
        return anyhow::Error::new(error).context("there is no shell, `sh`");
    }
    let error = std::process::Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).exec();
    anyhow::Error::new(error).context(format!("{} cannot be started", program.display()))
}
