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
use tokio::sync::{mpsc::Sender, oneshot};

/// Between two deletions of expired items. DynamoDB itself takes up to days.
const TTL_SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// A running engine. It stops when this is dropped.
pub struct EmbeddedEngine {
    pub address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

pub fn open(data: &DataFolder) -> anyhow::Result<Database> {
    let file = data.file(DATABASE);
    let path = file.to_str().with_context(|| format!("{} is not Unicode", file.display()))?;
    Database::new(path).with_context(|| format!("cannot open the database {path}; start with --fresh"))
}

/// Serves the database on a free port. It runs on its own thread, since `SQLite` blocks.
pub async fn start(database: Database, fatal: Sender<anyhow::Error>) -> anyhow::Result<EmbeddedEngine> {
    let (address, listener) = host::free_port("the DynamoDB engine").await?;
    // Deregisters it from this runtime.
    let listener = listener.into_std().context("cannot start the DynamoDB engine")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the DynamoDB engine")?;
    let (stop, mut stopped) = oneshot::channel();
    std::thread::spawn(move || {
        runtime.block_on(async {
            let serve = async {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
                dynoxide::server::serve_with_shutdown(listener, database.clone(), std::future::pending()).await
            };
            tokio::select! {
                // The receiver is gone if the stack is stopping.
                result = serve => drop(fatal.send(anyhow!("the DynamoDB engine stopped: {result:?}")).await),
                () = delete_expired_items(&database) => {}
                _ = &mut stopped => {}
            }
        });
    });
    Ok(EmbeddedEngine { address, _stop: stop })
}

async fn delete_expired_items(database: &Database) {
    loop {
        tokio::time::sleep(TTL_SWEEP_INTERVAL).await;
        if let Err(error) = database.sweep_ttl() {
            console!("cannot delete expired items: {error}");
        }
    }
}
