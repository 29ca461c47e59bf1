//! Somebody in front of a browser: Chromium, driven over `WebDriver` as hands and eyes would.
//!
//! What can be clicked, filled in and read is found by its words on the page, and only where it is shown. Each verb
//! waits for what it needs, so that a story has no pauses.

use crate::build::{binary, workspace};
use crate::portal::Portal;
use crate::staff::Person;
use crate::traces::Met;
use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;
use tempfile::TempDir;

/// More than a page, its scripts and a password hash take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// On these pages, what is not shown has this attribute, or stands in something that has it.
const SHOWN: &str = "not(ancestor-or-self::*[@hidden])";
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    // Its sandbox does not start as root, which containers often are; it sees no page but ours.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=fr-CA",
    "--window-size=1280,900",
];

/// A browser of its own, with an empty profile. It ends when it is dropped, or when this process ends.
pub struct Browser {
    client: Client,
    url: String,
    met: Met,
    // In this order: the programs end before their folder goes.
    driver: Driver,
    profile: TempDir,
}

impl Browser {
    /// Opens the portal's first page. `None`, and a line that says so, where there is no Chromium, except on CI.
    pub async fn open(portal: &Portal) -> Option<Self> {
        let (Some(chromium), Some(chromedriver)) = (on_path(&CHROMIUM), on_path(&["chromedriver"])) else {
            const NONE: &str =
                "no Chromium (install chromium and chromedriver; on Debian: apt install chromium-driver)";
            assert!(environment("CI").is_none(), "{NONE}");
            // Past the capture of a test's output, which would swallow it.
            let _ = writeln!(std::io::stderr(), "skipped: {NONE}");
            return None;
        };
        let profile = tempfile::tempdir_in(portal.setup().data()).expect("a folder for the browser's profile");
        let driver = Driver::start(&chromedriver);
        let client = connect(&driver, &chromium, profile.path()).await;
        let browser = Self { client, url: portal.url().to_owned(), met: portal.met().clone(), driver, profile };
        browser.go("/").await;
        Some(browser)
    }

    /// Closes the browser, and opens it again at the portal's first page.
    pub async fn close_and_reopen(&mut self) {
        self.client.clone().close().await.expect("the browser closes");
        let chromium = on_path(&CHROMIUM).expect("Chromium");
        self.client = connect(&self.driver, &chromium, self.profile.path()).await;
        self.go("/").await;
    }

    /// Types a path of the portal into the address bar.
    pub async fn go(&self, path: &str) {
        let went = self.client.goto(&format!("{}{path}", self.url)).await;
        self.held(went, &format!("the page {path}")).await;
    }

    /// Clicks the link, button or choice with these words.
    pub async fn click(&self, words: &str) {
        let clickable = format!("//*[self::a or self::button or self::label][normalize-space()={words:?}]");
        let element = self.find(&format!("{clickable}[not(@disabled)][{SHOWN}]"), words).await;
        self.held(element.click().await, words).await;
    }

    /// Fills the field with this label in.
    pub async fn fill(&self, label: &str, text: &str) {
        if label.to_lowercase().contains("mot de passe") {
            self.met.secret(text);
        }
        let field = self.field(label).await;
        self.held(field.clear().await, label).await;
        self.held(field.send_keys(text).await, label).await;
    }

    /// What stands in the field with this label.
    pub async fn reads(&self, label: &str) -> String {
        let value = self.field(label).await.prop("value").await;
        self.held(value, label).await.unwrap_or_default()
    }

    /// Whether the choice with this label is made.
    pub async fn is_chosen(&self, label: &str) -> bool {
        let chosen = self.field(label).await.is_selected().await;
        self.held(chosen, label).await
    }

    /// Waits until the page shows this text.
    pub async fn wait_for_text(&self, text: &str) {
        self.find(&format!("//body//text()[contains(normalize-space(), {text:?})]/parent::*[{SHOWN}]"), text).await;
    }

    /// Waits until the browser is at this path of the portal, with nothing behind it in the address.
    pub async fn wait_for_path(&self, path: &str) {
        self.wait_for_url(&format!("{}{path}", self.url)).await;
    }

    /// Waits until the browser is at this address.
    pub async fn wait_for_url(&self, url: &str) {
        let arrived = self.client.wait().at_most(PATIENCE).for_url(&url.parse().expect("an address")).await;
        self.held(arrived, url).await;
    }

    /// Opens the local inbox, and follows the link with these words in the newest mail to a person.
    pub async fn follow_in_mail(&self, words: &str, person: &Person) {
        self.go("/_local/inbox").await;
        let to = format!("À : {}", person.email);
        let frame = self.find(&format!("//article[p={to:?}]//iframe"), &to).await;
        self.held(frame.enter_frame().await, "the mail").await;
        self.click(words).await;
        // The page that opened stands in the window, where the frame was.
        let window = self.client.window().await;
        let window = self.held(window, "the window").await;
        self.held(self.client.switch_to_window(window).await, "the window").await;
    }

    /// Presses a key, or types a text, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let focus = self.client.active_element().await;
        self.held(self.held(focus, "the focus").await.send_keys(keys).await, keys).await;
    }

    /// Presses Tab until the focus is where the words, or the label, are these.
    pub async fn tab_to(&self, words: &str) {
        // There are fewer stops on every page.
        for _ in 0..40 {
            self.press(&Key::Tab).await;
            if self.focused().await == words {
                return;
            }
        }
        self.held::<()>(Err(CmdError::WaitTimeout), &format!("{words} by Tab")).await;
    }

    /// The words, or the label, where the focus is.
    pub async fn focused(&self) -> String {
        const WORDS: &str = "const at = document.activeElement; return (at.labels?.[0] ?? at).textContent.trim()";
        let words = self.client.execute(WORDS, Vec::new()).await;
        self.held(words, "the focus").await.as_str().unwrap_or_default().to_owned()
    }

    /// A cookie that the browser keeps for the portal.
    pub async fn cookie(&self, name: &str) -> Cookie<'static> {
        let cookie = self.client.get_named_cookie(name).await;
        let cookie = self.held(cookie, name).await;
        self.met.ticket(cookie.value());
        cookie
    }

    /// Runs a script on the page.
    pub async fn run(&self, script: &str) {
        self.evaluate(script).await;
    }

    /// What a script on the page returns.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.held(self.client.execute(script, Vec::new()).await, script).await
    }

    /// What the console said since it was asked last, but that nobody is signed in, which every page asks, and that the
    /// browser did as it was told at sign-out.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(Console).await;
        let entries = self.held(entries, "the console").await;
        let entries = entries.as_array().expect("a list").iter();
        let messages = entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned());
        let asked = format!("{}/api/session ", self.url);
        let expected = |message: &String| {
            message.starts_with(&asked) && message.contains("status of 401")
                || message.contains("Clear-Site-Data header on") && message.ends_with("Cleared data types: \"cache\".")
        };
        messages.filter(|message| !expected(message)).collect()
    }

    /// Takes a picture of what the window shows, into `target/tests/`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let picture = self.client.screenshot().await.expect("a picture");
        let path = workspace().join(format!("target/tests/{name}.png"));
        std::fs::write(&path, picture).expect("the picture is kept");
        path
    }

    async fn field(&self, label: &str) -> Element {
        self.find(&format!("//*[@id=//label[normalize-space()={label:?}]/@for][{SHOWN}]"), label).await
    }

    async fn find(&self, path: &str, what: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE).every(Duration::from_millis(50));
        self.held(wait.for_element(Locator::XPath(path)).await, what).await
    }

    /// What a command gave; where it gave an error the story ends with a picture.
    async fn held<T>(&self, given: Result<T, CmdError>, what: &str) -> T {
        match given {
            Ok(given) => given,
            Err(error) => {
                let story = std::thread::current().name().unwrap_or("browser").replace("::", "-");
                let at = self.client.current_url().await.map_or_else(|e| e.to_string(), String::from);
                eprintln!("{what}: {error}, at {at}");
                panic!("{what}: see {}", self.screenshot(&story).await.display())
            }
        }
    }
}

async fn connect(driver: &Driver, chromium: &Path, profile: &Path) -> Client {
    let mut arguments: Vec<_> = ARGUMENTS.map(String::from).into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let capabilities = json!({
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    let capabilities = serde_json::from_value(capabilities).expect("an object");
    let address = format!("http://127.0.0.1:{}", driver.port);
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(capabilities).connect(&address).await.expect("Chromium starts")
}

/// Chromedriver's way to read the console, which is not in `WebDriver`.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// A running chromedriver. It is tethered, so that it ends with all its Chromium however this process ends.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start(program: &Path) -> Self {
        let mut process = Command::new(binary("guichet-local"))
            .args(["tether", "--"])
            .arg(program)
            .arg("--port=0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        // What it says further on is read too, or it would wait for its reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port: port.expect("chromedriver says its port") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = environment("PATH").unwrap_or_default();
    let mut files = std::env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    files.find(|file| file.is_file())
}

fn environment(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "about the machine that the tests run on, not about what they test")]
    std::env::var_os(name)
}
