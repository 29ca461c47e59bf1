//! Lambda itself, played by `cargo lambda watch --only-lambda-apis`: it takes invocations and hands them to whoever asks
//! as that function. The functions are started by `fleet`: cargo-lambda's own process management does not start a killed
//! function again, gives all functions one environment, and watches the whole workspace once for every instance.

use crate::data::Data;
use crate::log::Log;
use crate::machine;
use anyhow::anyhow;
use guichet_deploy::child_guard::{self, GuardedChild};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

/// Another program can take the port between its choice and its use.
const ATTEMPTS: u32 = 3;

/// A running cargo-lambda.
pub struct RuntimeApi {
    process: GuardedChild,
    log: Arc<Log>,
    /// Where it takes invocations, and functions ask for them.
    pub address: SocketAddr,
}

impl RuntimeApi {
    /// Starts cargo-lambda and waits until it listens.
    pub async fn start(program: &Path, workspace: &Path, data: &Data) -> anyhow::Result<Self> {
        let log = Log::open(data, "cargo-lambda")?;
        for _ in 0..ATTEMPTS {
            // Given back at once: cargo-lambda takes a port by its number alone.
            let (address, _) = machine::free_port("cargo-lambda").await?;
            let mut command = child_guard::command(program);
            command
                .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--invoke-address", "127.0.0.1"])
                .args(["--invoke-port", &address.port().to_string(), "--color", "never", "--manifest-path"])
                .arg(workspace.join("Cargo.toml"))
                .current_dir(workspace)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut process = GuardedChild::start(command)?;
            let (output, errors) = process.take_output();
            log.follow(output);
            log.follow(errors);
            tokio::select! {
                _ = process.wait() => {}
                () = listens(address) => return Ok(Self { process, log, address }),
            }
        }
        Err(anyhow!("cargo-lambda does not start. The end of its log:\n{}", log.end()))
    }

    /// Waits for its death, and says so.
    pub async fn died(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => {
                anyhow!("cargo-lambda ended ({status}). The end of its log:\n{}", self.log.end())
            }
            Err(failure) => failure,
        }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.process.stop().await;
    }
}

async fn listens(address: SocketAddr) {
    while tokio::net::TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
