//! Accessibility checks: axe-core, Lighthouse, and emulation of screens, color schemes, and networks.

use crate::browser::Browser;
use crate::build::workspace;
use crate::chromium::{chromium, environment, skip};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

/// An emulated window.
#[derive(Clone, Copy, Debug)]
struct Screen {
    /// CSS pixels.
    width: u32,
    /// Device pixels per CSS pixel: 2 is a zoom of 200 %.
    zoom: u32,
    dark: bool,
}

/// Each state of a page is checked on all of these: 320 CSS pixels (WCAG 2.2, 1.4.10), a window of 1280 at 100 % and
/// 200 % (1.4.4), light and dark.
const SCREENS: [Screen; 6] = [
    Screen { width: 1280, zoom: 1, dark: false },
    Screen { width: 640, zoom: 2, dark: false },
    Screen { width: 320, zoom: 1, dark: false },
    Screen { width: 320, zoom: 1, dark: true },
    Screen { width: 640, zoom: 2, dark: true },
    Screen { width: 1280, zoom: 1, dark: true },
];
/// The screenshots that are taken if `GUICHET_TEST_PICTURES` names a folder.
const PICTURES: [Screen; 4] = [
    Screen { width: 1280, zoom: 1, dark: false },
    Screen { width: 360, zoom: 1, dark: false },
    Screen { width: 360, zoom: 1, dark: true },
    Screen { width: 1280, zoom: 1, dark: true },
];
const HEIGHT: u32 = 900;

/// Lighthouse sometimes fails and asks to be run again.
const LIGHTHOUSE_ATTEMPTS: u32 = 4;

/// Runs axe-core (<https://github.com/dequelabs/axe-core>) and returns one line per violation. An email is displayed
/// inside other pages, so it needs no landmarks.
const AXE: &str = "
    const done = arguments[arguments.length - 1];
    const rules = location.protocol === 'data:' ? { 'landmark-one-main': { enabled: false }, region: { enabled: false } } : {};
    axe.run(document, { resultTypes: ['violations'], rules }).then(
        ({ violations }) => done(violations.flatMap(({ id, nodes }) =>
            nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`))),
        (error) => done([`${error}`]),
    );";
/// Finds horizontal scrolling, and French text where the page is in English.
const LAYOUT_AND_LANGUAGE: &str = r"
    const found = [];
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) found.push(`scrolls sideways by ${wide} px`);
    const french = /[éèêàùçœ«»]/i;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const place = node.parentElement;
        if (!place.closest('[lang]').lang.startsWith('en') || place.closest('[data-slot]') || !place.checkVisibility()) continue;
        if (french.test(node.data.replace('Québec', ''))) found.push(`not in English: ${node.data}`);
    }
    return found;";

impl Browser {
    /// Asserts that the page has no axe-core violation (WCAG 2.2 and best practices) and does not scroll horizontally,
    /// on every screen. `state` names the page's state.
    pub async fn assert_accessible(&self, state: &str) {
        let mut found = String::new();
        for screen in SCREENS {
            self.resize(screen).await;
            if self.evaluate("return typeof axe === 'undefined'").await == json!(true) {
                self.run(axe()).await;
            }
            let lists = [self.evaluate_later(AXE).await, self.evaluate(LAYOUT_AND_LANGUAGE).await];
            for violation in lists.iter().flat_map(|list| list.as_array().expect("a list")) {
                let _ = writeln!(found, "{screen:?}: {violation}");
            }
        }
        if let Some(folder) = environment("GUICHET_TEST_PICTURES") {
            let folder = workspace().join(folder);
            std::fs::create_dir_all(&folder).expect("a folder for screenshots");
            self.take_pictures(&folder, state).await;
        }
        self.resize(SCREENS[0]).await;
        assert!(found.is_empty(), "{state}:\n{found}");
    }

    /// Shows an email's HTML as a page.
    pub async fn show(&self, html: &str) {
        let address = format!("data:text/html;charset=utf-8;base64,{}", STANDARD.encode(html));
        self.unwrap_or_screenshot(self.client.goto(&address).await, "the mail").await;
    }

    /// Delays every response from now on.
    pub async fn slow_network(&self, delay: Duration) {
        self.emulate_network(false, delay).await;
    }

    /// Lets every request fail from now on.
    pub async fn go_offline(&self) {
        self.emulate_network(true, Duration::ZERO).await;
    }

    async fn emulate_network(&self, offline: bool, latency: Duration) {
        self.devtools("Network.enable", json!({})).await;
        let latency = u64::try_from(latency.as_millis()).expect("some seconds");
        let conditions =
            json!({ "offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await;
    }

    /// Runs this script in each new page before the page's own scripts.
    pub async fn run_on_new_document(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// Opens a page of the portal with scripts disabled.
    pub async fn go_without_scripts(&self, path: &str) {
        for off in [true, false] {
            self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": off })).await;
            if off {
                self.go(path).await;
            }
        }
        // The page stays as loaded, except that `noscript` disappears once scripts are enabled again.
        self.run("for (const part of document.querySelectorAll('noscript')) part.replaceWith(...part.childNodes)")
            .await;
    }

    async fn take_pictures(&self, folder: &Path, state: &str) {
        for screen in PICTURES {
            self.resize(screen).await;
            let options = json!({ "format": "png", "captureBeyondViewport": true });
            let picture = self.devtools("Page.captureScreenshot", options).await;
            let picture = STANDARD.decode(picture["data"].as_str().expect("a screenshot")).expect("base64");
            let scheme = if screen.dark { "dark" } else { "light" };
            let path = folder.join(format!("{state}-{}-{scheme}.png", screen.width));
            std::fs::write(path, picture).expect("a screenshot");
        }
    }

    async fn resize(&self, Screen { width, zoom, dark }: Screen) {
        let metrics = json!({ "width": width, "height": HEIGHT / zoom, "deviceScaleFactor": zoom, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Sends a command of the Chrome `DevTools` Protocol (<https://chromedevtools.github.io/devtools-protocol>).
    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        let result = self.client.issue_cmd(DevTools { command, parameters }).await;
        self.unwrap_or_screenshot(result, command).await
    }
}

/// Whether axe-core is installed. Without it, prints a line; on CI that is a failure.
#[must_use]
pub fn has_axe() -> bool {
    has("axe-core", &tool("axe-core/axe.min.js"))
}

/// Lighthouse's report (<https://github.com/GoogleChrome/lighthouse>) on a page of the portal, emulating a mid-range
/// phone on a slow network. `session_token` is the session of a signed-in user. Without Lighthouse or Chromium, prints
/// a line and returns `None`; on CI that is a failure.
#[must_use]
pub fn lighthouse(url: &str, session_token: Option<&str>) -> Option<Value> {
    let program = tool(".bin/lighthouse");
    let chromium = chromium()?;
    if !has("lighthouse", &program) {
        return None;
    }
    let mut command = Command::new(program);
    command.args([url, "--quiet", "--output=json", "--ignore-status-code"]);
    command.arg("--chrome-flags=--headless=new --no-sandbox");
    command.arg("--only-categories=performance,accessibility,best-practices").env("CHROME_PATH", chromium);
    if let Some(token) = session_token {
        command.arg(format!("--extra-headers={}", json!({ "Cookie": format!("__Host-session={token}") })));
    }
    for _ in 0..LIGHTHOUSE_ATTEMPTS {
        let output = command.output().expect("Lighthouse runs");
        if let Ok(report) = serde_json::from_slice(&output.stdout) {
            return Some(report);
        }
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains("Please run Lighthouse again"), "{url}: {message}");
    }
    panic!("{url}: Lighthouse failed each time")
}

fn tool(path: &str) -> PathBuf {
    workspace().join("target/tools/node_modules").join(path)
}

fn has(name: &str, path: &Path) -> bool {
    let found = path.is_file();
    if !found {
        skip(&format!("no {name} (npm install --no-save --prefix target/tools axe-core@4 lighthouse@12)"));
    }
    found
}

fn axe() -> &'static str {
    static AXE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    AXE.get_or_init(|| {
        let source = std::fs::read_to_string(tool("axe-core/axe.min.js")).expect("axe-core");
        // Inside a function body axe-core does not find the global object.
        format!("{source}; window.axe ??= axe;")
    })
}

#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.command, "params": self.parameters }).to_string()))
    }
}
