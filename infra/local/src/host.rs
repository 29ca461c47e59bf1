//! Time, randomness, environment, programs, and ports of this machine.

use anyhow::Context;
use jiff::Timestamp;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;

#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the local stack's entry point for time")]
    Timestamp::now()
}

pub fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the local stack's entry point for randomness")]
    getrandom::fill(&mut bytes).context("the operating system has no random bytes")?;
    Ok(bytes)
}

/// In the form of a UUID, like the request ids of AWS.
pub fn random_id() -> anyhow::Result<String> {
    let hex = format!("{:032x}", u128::from_be_bytes(random_bytes()?));
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[must_use]
pub fn env(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the local stack's entry point for the environment")]
    std::env::var_os(name)
}

/// Listens on a free port of 127.0.0.1. `purpose` is for the error.
pub async fn free_port(purpose: &str) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let bind = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok::<_, std::io::Error>((listener.local_addr()?, listener))
    };
    bind.await.with_context(|| format!("no free port for {purpose}"))
}

/// A program in the same folder as this one, where cargo puts all binaries.
pub fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the folder of this program")?;
    Ok(own.with_file_name(name))
}
