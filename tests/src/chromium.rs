//! Chromium and chromedriver.

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
    // The sandbox does not start as root, as which containers often run. The browser loads only our pages.
    "--no-sandbox",
    "--disable-gpu",
    // As on a phone, scroll bars take no width.
    "--hide-scrollbars",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
];

/// A running chromedriver. It and its Chromium end however this process ends.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Chromedriver picks a port that is free on IPv4 and exits if it is taken on IPv6, so try again.
    pub(crate) fn start(program: &Path) -> Self {
        const ATTEMPTS: u32 = 10;
        (0..ATTEMPTS).find_map(|_| Self::try_start(program)).expect("chromedriver reports its port")
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
        // Drain the output, or chromedriver blocks on a full pipe.
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

/// Starts a browser with this profile and these languages.
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

/// The path of Chromium. Without it, prints a line and returns `None`; on CI that is a failure.
pub(crate) fn chromium() -> Option<PathBuf> {
    found(&CHROMIUM)
}

/// The path of chromedriver, likewise.
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

/// Prints why a test is skipped. On CI, fails instead.
pub(crate) fn skip(why: &str) {
    assert!(environment("CI").is_none(), "{why}");
    // Bypasses the capture of test output.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

pub(crate) fn environment(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "a property of the machine, not of the product")]
    std::env::var_os(name)
}
