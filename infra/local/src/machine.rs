//! What the local stack takes from the machine it runs on: the time, chance, the environment, its own folders, free ports.

use anyhow::Context;
use jiff::Timestamp;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::net::TcpListener;

/// The time now.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the door to the time of the local stack")]
    Timestamp::now()
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the door to randomness of the local stack")]
    getrandom::fill(&mut bytes).context("the operating system gives no random bytes")?;
    Ok(bytes)
}

/// A random identifier in the form of a UUID, as AWS gives its requests.
pub fn random_id() -> anyhow::Result<String> {
    let hex = format!("{:032x}", u128::from_be_bytes(random()?));
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

/// A variable of the environment that `cargo dev` was started in.
#[must_use]
pub fn environment(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the door to the environment of the local stack")]
    std::env::var_os(name)
}

/// A free port of the loopback interface, taken for `whom`.
pub async fn free_port(whom: &str) -> anyhow::Result<(SocketAddr, TcpListener)> {
    let bind = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok::<_, std::io::Error>((listener.local_addr()?, listener))
    };
    bind.await.with_context(|| format!("no free port for {whom}"))
}

/// A program that cargo built beside this one.
pub fn sibling(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("this program cannot tell where it lies")?;
    Ok(this.with_file_name(name))
}
