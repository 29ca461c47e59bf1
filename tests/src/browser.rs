//! A user in a browser: Chromium, driven over `WebDriver`.
//!
//! Verbs find visible elements by their text or label. Each verb waits for what it needs, so tests contain no pauses.

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

/// More than a page, its scripts, and a password hash take on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);
/// On these pages, hidden elements have this attribute or are inside an element that has it.
const SHOWN: &str = "not(ancestor-or-self::*[@hidden])";
/// A browser with an empty profile. It ends when it is dropped, or when this process ends.
pub struct Browser {
    pub(crate) client: Client,
    url: String,
    languages: &'static str,
    secrets: Secrets,
    // Dropped in this order: the processes end before their folder is deleted.
    driver: Driver,
    profile: TempDir,
}

impl Browser {
    /// Opens the portal's front page in a browser set to Québec French. Without Chromium, prints a line and returns
    /// `None`; on CI that is a failure.
    pub async fn open(portal: &Portal) -> Option<Self> {
        Self::open_in(portal, "fr-CA,fr").await
    }

    /// Like [`Browser::open`], in a browser set to these languages, the preferred one first.
    pub async fn open_in(portal: &Portal, languages: &'static str) -> Option<Self> {
        let (chromium, chromedriver) = (chromium()?, chromedriver()?);
        let profile = tempfile::tempdir_in(portal.setup().data()).expect("a folder for the browser's profile");
        let driver = Driver::start(&chromedriver);
        let client = connect(&driver, &chromium, profile.path(), languages).await;
        let browser = Self {
            client,
            url: portal.url().to_owned(),
            languages,
            secrets: portal.secrets_used().clone(),
            driver,
            profile,
        };
        browser.go("/").await;
        Some(browser)
    }

    /// Closes the browser, and reopens it at the portal's front page.
    pub async fn close_and_reopen(&mut self) {
        self.client.clone().close().await.expect("the browser closes");
        let chromium = chromium().expect("Chromium");
        self.client = connect(&self.driver, &chromium, self.profile.path(), self.languages).await;
        self.go("/").await;
    }

    /// Navigates to a path of the portal.
    pub async fn go(&self, path: &str) {
        let result = self.client.goto(&format!("{}{path}", self.url)).await;
        self.unwrap_or_screenshot(result, &format!("the page {path}")).await;
    }

    /// Clicks the link, button, or option with this text.
    pub async fn click(&self, words: &str) {
        let clickable = format!("//*[self::a or self::button or self::label][normalize-space()={words:?}]");
        let element = self.find(&format!("{clickable}[not(@disabled)][{SHOWN}]"), words).await;
        self.unwrap_or_screenshot(element.click().await, words).await;
    }

    /// Fills the field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        if label.to_lowercase().contains("mot de passe") {
            self.secrets.record(text);
        }
        let field = self.field(label).await;
        self.unwrap_or_screenshot(field.clear().await, label).await;
        self.unwrap_or_screenshot(field.send_keys(text).await, label).await;
    }

    /// The value of the field with this label.
    pub async fn value_of(&self, label: &str) -> String {
        let value = self.field(label).await.prop("value").await;
        self.unwrap_or_screenshot(value, label).await.unwrap_or_default()
    }

    /// Whether the option with this label is selected.
    pub async fn is_selected(&self, label: &str) -> bool {
        let chosen = self.field(label).await.is_selected().await;
        self.unwrap_or_screenshot(chosen, label).await
    }

    pub async fn wait_for_text(&self, text: &str) {
        self.find(&with_text(text), text).await;
    }

    /// Whether the page shows this text now.
    pub async fn shows_text(&self, text: &str) -> bool {
        let found = self.client.find_all(Locator::XPath(&with_text(text))).await;
        !self.unwrap_or_screenshot(found, text).await.is_empty()
    }

    /// Waits until the browser is at this path of the portal, without query and fragment.
    pub async fn wait_for_path(&self, path: &str) {
        self.wait_for_url(&format!("{}{path}", self.url)).await;
    }

    pub async fn wait_for_url(&self, url: &str) {
        let arrived = self.client.wait().at_most(TIMEOUT).for_url(&url.parse().expect("an address")).await;
        self.unwrap_or_screenshot(arrived, url).await;
    }

    /// Opens the local inbox, and follows the link with this text in the newest email to a person.
    pub async fn follow_in_mail(&self, words: &str, person: &Person) {
        self.go("/_local/inbox").await;
        let to = format!("À : {}", person.email);
        let mail = format!("//details[summary/span={to:?}]");
        let summary = self.find(&format!("{mail}/summary"), &to).await;
        if self
            .unwrap_or_screenshot(summary.find(Locator::XPath("..")).await, &to)
            .await
            .attr("open")
            .await
            .is_ok_and(|it| it.is_none())
        {
            self.unwrap_or_screenshot(summary.click().await, &to).await;
        }
        let frame = self.find(&format!("{mail}/iframe"), &to).await;
        self.unwrap_or_screenshot(frame.enter_frame().await, "the mail").await;
        self.click(words).await;
        // The link opens in the window, not in the frame.
        let window = self.client.window().await;
        let window = self.unwrap_or_screenshot(window, "the window").await;
        self.unwrap_or_screenshot(self.client.switch_to_window(window).await, "the window").await;
    }

    /// Opens another tab at the portal's front page and switches to it. Returns the previous tab.
    pub async fn open_tab(&self) -> WindowHandle {
        let before = self.unwrap_or_screenshot(self.client.window().await, "the tab").await;
        let tab = self.unwrap_or_screenshot(self.client.new_window(true).await, "a tab").await;
        self.to_tab(tab.handle).await;
        self.go("/").await;
        before
    }

    pub async fn to_tab(&self, tab: WindowHandle) {
        self.unwrap_or_screenshot(self.client.switch_to_window(tab).await, "the tab").await;
    }

    /// Sends keys to the focused element.
    pub async fn press(&self, keys: &str) {
        let focus = self.client.active_element().await;
        self.unwrap_or_screenshot(self.unwrap_or_screenshot(focus, "the focus").await.send_keys(keys).await, keys)
            .await;
    }

    /// Presses Tab until the element with this text or label has the focus.
    pub async fn tab_to(&self, words: &str) {
        // Every page has fewer tab stops.
        for _ in 0..40 {
            self.press(&Key::Tab).await;
            if self.focused().await == words {
                return;
            }
        }
        self.unwrap_or_screenshot::<()>(Err(CmdError::WaitTimeout), &format!("{words} by Tab")).await;
    }

    /// The text or label of the focused element.
    pub async fn focused(&self) -> String {
        const WORDS: &str = "const at = document.activeElement; return (at.labels?.[0] ?? at).textContent.trim()";
        let words = self.client.execute(WORDS, Vec::new()).await;
        self.unwrap_or_screenshot(words, "the focus").await.as_str().unwrap_or_default().to_owned()
    }

    pub async fn cookie(&self, name: &str) -> Cookie<'static> {
        let cookie = self.client.get_named_cookie(name).await;
        let cookie = self.unwrap_or_screenshot(cookie, name).await;
        self.secrets.record_session_token(cookie.value());
        cookie
    }

    /// Whether the page shows an element with this CSS selector now.
    pub async fn shows(&self, selector: &str) -> bool {
        let found = self.client.find_all(Locator::Css(&shown(selector))).await;
        !self.unwrap_or_screenshot(found, selector).await.is_empty()
    }

    pub async fn run(&self, script: &str) {
        self.evaluate(script).await;
    }

    /// Runs a script on the page and returns its result.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.unwrap_or_screenshot(self.client.execute(script, Vec::new()).await, script).await
    }

    /// Runs a script on the page that passes its result to the callback in its last argument.
    pub async fn evaluate_later(&self, script: &str) -> Value {
        self.unwrap_or_screenshot(self.client.execute_async(script, Vec::new()).await, script).await
    }

    pub async fn click_on(&self, selector: &str) {
        let element = self.find_shown(selector).await;
        self.unwrap_or_screenshot(element.click().await, selector).await;
    }

    /// Replaces the value of the field with this CSS selector.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let field = self.find_shown(selector).await;
        if self
            .unwrap_or_screenshot(field.attr("autocomplete").await, selector)
            .await
            .is_some_and(|it| it.ends_with("-password"))
        {
            self.secrets.record(text);
        }
        self.unwrap_or_screenshot(field.clear().await, selector).await;
        self.unwrap_or_screenshot(field.send_keys(text).await, selector).await;
    }

    /// Waits until the page shows an element with this CSS selector.
    pub async fn wait_for(&self, selector: &str) {
        self.find_shown(selector).await;
    }

    /// The console's messages since the last call, except expected ones: the 401 of *Mon compte* without a session, and
    /// the effect of `Clear-Site-Data` at sign-out.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.client.issue_cmd(Console).await;
        let entries = self.unwrap_or_screenshot(entries, "the console").await;
        let entries = entries.as_array().expect("a list").iter();
        let messages = entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned());
        let session = format!("{}/api/session ", self.url);
        let expected = |message: &String| {
            message.starts_with(&session) && message.contains("status of 401")
                || message.contains("Clear-Site-Data header on") && message.ends_with("Cleared data types: \"cache\".")
        };
        messages.filter(|message| !expected(message)).collect()
    }

    /// Saves a screenshot of the window in `target/tests/`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let png = self.client.screenshot().await.expect("a screenshot");
        let path = workspace().join(format!("target/tests/{name}.png"));
        std::fs::write(&path, png).expect("a screenshot");
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
            let wait = self.client.wait().at_most(TIMEOUT).every(Duration::from_millis(50));
            match wait.for_element(locator).await {
                // The browser navigated during the search; the next page may have the element.
                Err(error) if error.to_string().contains("aborted by navigation") && start.elapsed() < TIMEOUT => {}
                found => return self.unwrap_or_screenshot(found, what).await,
            }
        }
    }

    /// Unwraps the result of a command. An error fails the test with a screenshot.
    pub(crate) async fn unwrap_or_screenshot<T>(&self, result: Result<T, CmdError>, what: &str) -> T {
        match result {
            Ok(value) => value,
            Err(error) => {
                let test = std::thread::current().name().unwrap_or("browser").replace("::", "-");
                let at = self.client.current_url().await.map_or_else(|e| e.to_string(), String::from);
                eprintln!("{what}: {error}, at {at}");
                panic!("{what}: see {}", self.screenshot(&test).await.display())
            }
        }
    }
}

/// Chromedriver's command for the console, which `WebDriver` lacks.
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

/// Restricts a CSS selector to visible elements.
fn shown(selector: &str) -> String {
    format!("{selector}:not([hidden], [hidden] *)")
}

fn with_text(text: &str) -> String {
    format!("//body//text()[contains(normalize-space(), {text:?})]/parent::*[{SHOWN}]")
}
