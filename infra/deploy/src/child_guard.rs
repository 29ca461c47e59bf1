//! Child processes that end with this process, even if it is killed with SIGKILL.
//!
//! A shell starts a guard in the background and then becomes the program, so that the child's process id is the
//! program's. The guard reads a pipe whose other end this process holds. When the pipe closes, the guard kills the
//! program's process group. The guard is a member of that group, so the group's number cannot be reused while it waits.

use anyhow::Context;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

/// POSIX gives a background process `/dev/null` as its standard input, hence the descriptor 3. Not every shell knows
/// `kill -9 -- -N`.
const GUARD: &str = r#"exec 3<&0
(trap '' HUP INT TERM; read -r _ <&3; kill -s KILL -- "-$$") >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-"#;

/// A running child, and the pipe that keeps it alive.
pub struct GuardedChild {
    child: Child,
    pipe: Option<ChildStdin>,
}

/// A command that runs `program` with a guard, in a process group of its own: it does not receive the Ctrl-C of the
/// terminal. Its standard input is the pipe.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "sh"]).arg(program).stdin(Stdio::piped()).process_group(0);
    command
}

impl GuardedChild {
    /// Starts a command made by [`command`].
    pub fn start(command: Command) -> anyhow::Result<Self> {
        let mut child = tokio::process::Command::from(command).spawn().context("cannot start a child process")?;
        // `Child::wait` would close the pipe.
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// Standard output and error, if they are piped.
    pub fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    pub async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for a child process")
    }

    /// Kills the program. The guard kills what it started.
    pub async fn stop(mut self) {
        self.pipe.take();
        // A failure means that it has ended already.
        let _ = self.child.kill().await;
    }
}

/// Runs a command made by [`command`]. Its output goes to standard error.
pub async fn run(mut command: Command) -> anyhow::Result<ExitStatus> {
    command.stdout(std::io::stderr());
    GuardedChild::start(command)?.wait().await
}

/// Runs a command made by [`command`] without output. The error has its last three lines.
pub async fn run_quietly(mut command: Command) -> anyhow::Result<()> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let GuardedChild { child, pipe: _pipe } = GuardedChild::start(command)?;
    let output = child.wait_with_output().await.context("cannot wait for a child process")?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    Err(anyhow::Error::msg(lines[lines.len().saturating_sub(3)..].join(" / ")))
}

#[cfg(test)]
mod tests {
    use super::{GuardedChild, command, run, run_quietly};
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    use tokio::io::AsyncReadExt;

    fn is_running(pid: &str) -> bool {
        let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap().stdout;
        !state.is_empty() && !state.starts_with(b"Z")
    }

    #[tokio::test]
    async fn a_guarded_child_keeps_its_exit_code_and_output() {
        let mut failing = command("sh");
        failing.args(["-c", "exit 7"]);
        assert_eq!(run(failing).await.unwrap().code(), Some(7));
        let mut failing = command("sh");
        failing.args(["-c", "echo one; echo two >&2; exit 1"]);
        assert_eq!(run_quietly(failing).await.unwrap_err().to_string(), "one / two");
        assert!(!run(command("no-such-program")).await.unwrap().success());
    }

    #[tokio::test]
    async fn closing_the_pipe_kills_the_process_group() {
        let mut tree = command("sh");
        tree.args(["-c", "sleep 60 & echo $!; wait"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut parent = GuardedChild::start(tree).unwrap();
        let (mut output, mut grandchild) = (parent.take_output().0.unwrap(), String::new());
        while !grandchild.ends_with('\n') {
            grandchild.push(char::from(output.read_u8().await.unwrap()));
        }
        let grandchild = grandchild.trim();
        assert!(is_running(grandchild));
        drop(parent.pipe.take());
        parent.wait().await.unwrap();
        let since = Instant::now();
        while is_running(grandchild) {
            assert!(since.elapsed() < Duration::from_secs(10), "{grandchild} is still running");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
