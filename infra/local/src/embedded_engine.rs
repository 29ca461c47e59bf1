//! The embedded DynamoDB engine, dynoxide.
//!
//! It keeps its data in `SQLite` with a write-ahead log and full synchronization: a write is on the disk before its
//! response.

use crate::data_folder::{DATABASE, DataFolder};
use crate::host;
use anyhow::{Context, anyhow};
use dynoxide::Database;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Between two deletions of expired items. DynamoDB itself takes up to days.
const TTL_SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Opens the database and serves it on a free port. It runs on its own threads, since `SQLite` blocks.
pub async fn start(data: &DataFolder, fatal: Sender<anyhow::Error>) -> anyhow::Result<SocketAddr> {
    let file = data.file(DATABASE);
    let path = file.to_str().with_context(|| format!("{} is not Unicode", file.display()))?;
    let database =
        Database::new(path).with_context(|| format!("cannot open the database {path}; start with --fresh"))?;
    let (address, listener) = host::free_port("the DynamoDB engine").await?;
    // Deregisters it from this runtime.
    let listener = listener.into_std().context("cannot start the DynamoDB engine")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the DynamoDB engine")?;

    let sweeper = database.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TTL_SWEEP_INTERVAL);
            if let Err(error) = sweeper.sweep_ttl() {
                eprintln!("cannot delete expired items: {error}");
            }
        }
    });
    std::thread::spawn(move || {
        let result = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()).await
        });
        // The receiver is gone if the stack is stopping.
        let _ = fatal.blocking_send(anyhow!("the DynamoDB engine stopped: {result:?}"));
    });
    Ok(address)
}
