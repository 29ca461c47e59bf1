//! What the local stack takes from the machine it runs on: the time, chance, the environment, its own folders, free ports.

use crate::failure::{Failure, OrFail};
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
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the door to randomness of the local stack")]
    getrandom::fill(&mut bytes).or_fail(|| "the operating system gives no random bytes")?;
    Ok(bytes)
}

/// A random identifier in the form of a UUID, as AWS gives its requests.
pub fn random_id() -> Result<String, Failure> {
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
pub async fn free_port(whom: &str) -> Result<(SocketAddr, TcpListener), Failure> {
    let bind = async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok::<_, std::io::Error>((listener.local_addr()?, listener))
    };
    bind.await.or_fail(|| format!("no free port for {whom}"))
}

/// The folder of the workspace that this program was built from.
pub fn workspace() -> Result<PathBuf, Failure> {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::canonicalize(here).or_fail(|| format!("the workspace at {here} is not there any more; build again"))
}

/// A function's binary as `cargo dev package` leaves it, which is where the template's `CodeUri` looks.
pub fn packaged(name: &str) -> Result<PathBuf, Failure> {
    Ok(workspace()?.join("target/lambda").join(name).join("bootstrap"))
}

/// A program that cargo built beside this one.
pub fn sibling(name: &str) -> Result<PathBuf, Failure> {
    let this = std::env::current_exe().or_fail(|| "this program cannot tell where it lies")?;
    Ok(this.with_file_name(name))
}
