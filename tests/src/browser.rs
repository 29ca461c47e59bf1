//! Somebody in front of a browser: Chromium, driven over `WebDriver` as hands and eyes would.
//!
//! What can be clicked, filled in and read is found by its words on the page, and only where it is shown. Each verb
//! waits for what it needs, so that a story has no pauses.

use crate::build::workspace;
use crate::chromium::{Driver, chromedriver, chromium, connect};
use crate::leak_scanner::Secrets;
use crate::person::Person;
use crate::portal::Portal;
use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, Locator};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than a page, its scripts and a password hash take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// On these pages, what is not shown has this attribute, or stands in something that has it.
const SHOWN: &str = "not(ancestor-or-self::*[@hidden])";
/// A browser of its own, with an empty profile. It ends when it is dropped, or when this process ends.
pub struct Browser {
    pub(crate) client: Client,
    url: String,
    languages: &'static str,
    met: Secrets,
    // In this order: the programs end before their folder goes.
    driver: Driver,
    profile: TempDir,
}

impl Browser {
    /// Opens the portal's first page, in a browser set to French of Québec. `None`, and a line that says so, where there
    /// is no Chromium, except on CI.
    pub async fn open(portal: &Portal) -> Option<Self> {
        Self::open_in(portal, "fr-CA,fr").await
    }

    /// As [`Browser::open`], in a browser set to these languages, the preferred first.
    pub async fn open_in(portal: &Portal, languages: &'static str) -> Option<Self> {
        let (chromium, chromedriver) = (chromium()?, chromedriver()?);
        let profile = tempfile::tempdir_in(portal.setup().data()).expect("a folder for the browser's profile");
        let driver = Driver::start(&chromedriver);
        let client = connect(&driver, &chromium, profile.path(), languages).await;
        let browser =
            Self { client, url: portal.url().to_owned(), languages, met: portal.met().clone(), driver, profile };
        browser.go("/").await;
        Some(browser)
    }

    /// Closes the browser, and opens it again at the portal's first page.
    pub async fn close_and_reopen(&mut self) {
        self.client.clone().close().await.expect("the browser closes");
        let chromium = chromium().expect("Chromium");
        self.client = connect(&self.driver, &chromium, self.profile.path(), self.languages).await;
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
        self.find(&with_text(text), text).await;
    }

    /// Whether the page shows this text, at this moment.
    pub async fn shows_text(&self, text: &str) -> bool {
        let found = self.client.find_all(Locator::XPath(&with_text(text))).await;
        !self.held(found, text).await.is_empty()
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
        let mail = format!("//details[summary/span={to:?}]");
        let summary = self.find(&format!("{mail}/summary"), &to).await;
        if self
            .held(summary.find(Locator::XPath("..")).await, &to)
            .await
            .attr("open")
            .await
            .is_ok_and(|it| it.is_none())
        {
            self.held(summary.click().await, &to).await;
        }
        let frame = self.find(&format!("{mail}/iframe"), &to).await;
        self.held(frame.enter_frame().await, "the mail").await;
        self.click(words).await;
        // The page that opened stands in the window, where the frame was.
        let window = self.client.window().await;
        let window = self.held(window, "the window").await;
        self.held(self.client.switch_to_window(window).await, "the window").await;
    }

    /// Opens another tab at the portal's first page, and stays in it. The tab it was in.
    pub async fn open_tab(&self) -> WindowHandle {
        let before = self.held(self.client.window().await, "the tab").await;
        let tab = self.held(self.client.new_window(true).await, "a tab").await;
        self.to_tab(tab.handle).await;
        self.go("/").await;
        before
    }

    /// Goes to a tab.
    pub async fn to_tab(&self, tab: WindowHandle) {
        self.held(self.client.switch_to_window(tab).await, "the tab").await;
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

    /// Whether the page shows what this CSS selector finds, at this moment.
    pub async fn shows(&self, selector: &str) -> bool {
        let found = self.client.find_all(Locator::Css(&shown(selector))).await;
        !self.held(found, selector).await.is_empty()
    }

    /// Runs a script on the page.
    pub async fn run(&self, script: &str) {
        self.evaluate(script).await;
    }

    /// What a script on the page returns.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.held(self.client.execute(script, Vec::new()).await, script).await
    }

    /// What a script on the page hands to its last argument, in its own time.
    pub async fn evaluate_later(&self, script: &str) -> Value {
        self.held(self.client.execute_async(script, Vec::new()).await, script).await
    }

    /// Clicks what this CSS selector finds.
    pub async fn click_on(&self, selector: &str) {
        let element = self.find_shown(selector).await;
        self.held(element.click().await, selector).await;
    }

    /// Types into the field that this CSS selector finds, in place of what it holds.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let field = self.find_shown(selector).await;
        if self.held(field.attr("autocomplete").await, selector).await.is_some_and(|it| it.ends_with("-password")) {
            self.met.secret(text);
        }
        self.held(field.clear().await, selector).await;
        self.held(field.send_keys(text).await, selector).await;
    }

    /// Waits until the page shows what this CSS selector finds.
    pub async fn wait_for(&self, selector: &str) {
        self.find_shown(selector).await;
    }

    /// What the console said since it was asked last, but that nobody is signed in, which *Mon compte* asks, and that the
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
        self.locate(Locator::XPath(path), what).await
    }

    async fn find_shown(&self, selector: &str) -> Element {
        self.locate(Locator::Css(&shown(selector)), selector).await
    }

    async fn locate(&self, locator: Locator<'_>, what: &str) -> Element {
        let start = Instant::now();
        loop {
            let wait = self.client.wait().at_most(PATIENCE).every(Duration::from_millis(50));
            match wait.for_element(locator).await {
                // The page was left while it was looked at: the next one may have it.
                Err(error) if error.to_string().contains("aborted by navigation") && start.elapsed() < PATIENCE => {}
                found => return self.held(found, what).await,
            }
        }
    }

    /// What a command gave; where it gave an error the story ends with a picture.
    pub(crate) async fn held<T>(&self, given: Result<T, CmdError>, what: &str) -> T {
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

/// What of this CSS selector is shown. What is not has the attribute, or stands in something that has it.
fn shown(selector: &str) -> String {
    format!("{selector}:not([hidden], [hidden] *)")
}

fn with_text(text: &str) -> String {
    format!("//body//text()[contains(normalize-space(), {text:?})]/parent::*[{SHOWN}]")
}
