//! cargo-lambda, which queues invocations and serves Lambda's Runtime API (`cargo lambda watch --only-lambda-apis`).
//!
//! The supervisor starts the functions. cargo-lambda's own process management does not restart a function that was
//! killed, gives all functions the same environment, and watches the whole workspace once for every instance.

use crate::data_folder::DataFolder;
use crate::host;
use crate::process_log::ProcessLog;
use anyhow::{anyhow, bail};
use guichet_deploy::child_guard::{self, GuardedChild};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

/// Another program can take the port between its choice and its use.
const MAX_ATTEMPTS: u32 = 3;

/// A running cargo-lambda.
pub struct RuntimeApi {
    process: GuardedChild,
    log: Arc<ProcessLog>,
    pub address: SocketAddr,
}

impl RuntimeApi {
    /// Starts cargo-lambda and waits until it listens.
    pub async fn start(program: &Path, workspace: &Path, data: &DataFolder) -> anyhow::Result<Self> {
        let log = ProcessLog::open(data, "cargo-lambda")?;
        for _ in 0..MAX_ATTEMPTS {
            // The listener is closed at once: cargo-lambda only accepts a port number.
            let (address, _) = host::free_port("cargo-lambda").await?;
            let mut command = child_guard::command(program);
            command
                .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--invoke-address", "127.0.0.1"])
                .args(["--invoke-port", &address.port().to_string(), "--color", "never", "--manifest-path"])
                .arg(workspace.join("Cargo.toml"))
                .current_dir(workspace)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut process = GuardedChild::start(command)?;
            let (stdout, stderr) = process.take_output();
            log.follow(stdout);
            log.follow(stderr);
            tokio::select! {
                _ = process.wait() => {}
                () = accepts_connections(address) => return Ok(Self { process, log, address }),
            }
        }
        bail!("cannot start cargo-lambda. Its last output:\n{}", log.tail())
    }

    /// Waits until it exits, which is an error.
    pub async fn exited(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => anyhow!("cargo-lambda exited ({status}). Its last output:\n{}", self.log.tail()),
            Err(error) => error,
        }
    }

    pub async fn stop(self) {
        self.process.stop().await;
    }
}

async fn accepts_connections(address: SocketAddr) {
    while tokio::net::TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
