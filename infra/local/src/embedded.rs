//! The embedded DynamoDB engine, dynoxide, served on a port of its own.
//!
//! It keeps its data in `SQLite` with a write-ahead log and full synchronisation: what was answered is on the disk.

use crate::machine;
use anyhow::{Context, anyhow};
use dynoxide::Database;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// How often items past their time to live go. DynamoDB itself takes days.
const SWEEP: Duration = Duration::from_mins(1);

/// Opens the database file and serves it on a free port. It works on threads of its own: `SQLite` blocks them.
pub async fn start(file: &Path, fatal: Sender<anyhow::Error>) -> anyhow::Result<SocketAddr> {
    let path = file.to_str().ok_or_else(|| anyhow!("{} is not Unicode", file.display()))?;
    let database =
        Database::new(path).with_context(|| format!("the database {path} cannot be opened; start with --fresh"))?;
    let (address, listener) = machine::free_port("the DynamoDB engine").await?;
    // It is another runtime's from here on.
    let listener = listener.into_std().context("the DynamoDB engine cannot be started")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the DynamoDB engine cannot be started")?;

    let sweeper = database.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(SWEEP);
            if let Err(error) = sweeper.sweep_ttl() {
                eprintln!("expired items were not swept away: {error}");
            }
        }
    });
    std::thread::spawn(move || {
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()).await
        });
        // Nobody listens any more where the stack is stopping.
        let _ = fatal.blocking_send(anyhow!("the DynamoDB engine ended: {served:?}"));
    });
    Ok(address)
}
