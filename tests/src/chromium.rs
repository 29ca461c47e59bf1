//! The Chromium and the chromedriver of this machine.

use fantoccini::{Client, ClientBuilder};
use guichet_deploy::child_guard;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    // Its sandbox does not start as root, which containers often are; it sees no page but ours.
    "--no-sandbox",
    "--disable-gpu",
    // As on a telephone: a page has the whole width.
    "--hide-scrollbars",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// A running chromedriver, with a guard: it ends with all its Chromium however this process ends.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// It takes a port that is free for IPv4 for both, and ends where IPv6 has it taken: then it is started again.
    pub(crate) fn start(program: &Path) -> Self {
        const ATTEMPTS: u32 = 10;
        (0..ATTEMPTS).find_map(|_| Self::try_start(program)).expect("chromedriver says its port")
    }

    fn try_start(program: &Path) -> Option<Self> {
        let mut process = child_guard::command(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let Some(port) = port else {
            process.wait().expect("it ended");
            return None;
        };
        // What it says further on is read too, or it would wait for its reader.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, port })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// A browser under the driver, with this profile, set to these languages.
pub(crate) async fn connect(driver: &Driver, chromium: &Path, profile: &Path, languages: &str) -> Client {
    let mut arguments: Vec<_> = ARGUMENTS.map(String::from).into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let capabilities = json!({
        "goog:chromeOptions": { "binary": chromium, "args": arguments, "prefs": { "intl.accept_languages": languages } },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let capabilities = serde_json::from_value(capabilities).expect("an object");
    let address = format!("http://127.0.0.1:{}", driver.port);
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities).connect(&address).await.expect("Chromium starts")
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    files.find(|file| file.is_file())
}

/// Where Chromium is; `None`, and a line that says so, where there is none, except on CI.
pub(crate) fn chromium() -> Option<PathBuf> {
    found(&CHROMIUM)
}

/// Where chromedriver is, likewise.
pub(crate) fn chromedriver() -> Option<PathBuf> {
    found(&["chromedriver"])
}

fn found(names: &[&str]) -> Option<PathBuf> {
    let found = on_path(names);
    if found.is_none() {
        skip("no Chromium (install chromium and chromedriver; on Debian: apt install chromium-driver)");
    }
    found
}

/// Says why a story is not told, which is not allowed on CI.
pub(crate) fn skip(why: &str) {
    assert!(environment("CI").is_none(), "{why}");
    // Past the capture of a test's output, which would swallow it.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

pub(crate) fn environment(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "about the machine that the tests run on, not about what they test")]
    std::env::var_os(name)
}
