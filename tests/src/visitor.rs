//! Somebody who uses the portal, over HTTP.

use crate::leak_scanner::Secrets;
use crate::person::Person;
use crate::portal::Portal;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Somebody at a machine of their own, who keeps their cookies.
pub struct Visitor {
    url: String,
    address: String,
    client: Client,
    cookies: Mutex<BTreeMap<String, String>>,
    patient: bool,
    met: Secrets,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked: method, path and the headers that were given, without cookies.
    pub asked: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null where there is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The `code` of a refusal; empty where it is none.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's text; empty where it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Holds the answer to a status, and to a code where it is a refusal (else `""`).
    #[track_caller]
    #[expect(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "it is called for what it holds")]
    pub fn expect(self, status: u16, code: &str) -> Self {
        assert!(self.status == status && self.code() == code, "{status} {code:?} is expected: {self:#?}");
        self
    }
}

impl Visitor {
    pub(crate) fn new(url: &str, address: &str, met: Secrets) -> Self {
        let client = Client::builder().local_address(address.parse::<std::net::IpAddr>().ok()).no_proxy();
        // Cookies are kept here: a jar that follows the letter would not send a Secure one to http://localhost.
        let client = client.redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        // By number, since the client's own address is of IPv4.
        let url = url.replace("localhost", "127.0.0.1");
        Self { url, address: address.to_owned(), client, cookies: Mutex::default(), patient: false, met }
    }

    /// Somebody who comes back where the portal is too busy.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patient: true, ..self }
    }

    /// Somebody at another machine behind the same address.
    #[must_use]
    pub fn beside(&self) -> Self {
        self.at(&self.url)
    }

    /// The same address before another door.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self::new(url, &self.address, self.met.clone())
    }

    /// Sends a request as it is, with the cookies kept so far, and keeps those it sets.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let body = body.into();
        let mut answer = self.send_once(method, path, headers, body.clone()).await;
        for _ in 0..12 {
            if !self.patient || answer.status != 503 {
                break;
            }
            // The gateway's own says no time: too many wait for a function.
            tokio::time::sleep(Duration::from_secs(answer.header("retry-after").parse().unwrap_or(5))).await;
            answer = self.send_once(method, path, headers, body.clone()).await;
        }
        answer
    }

    async fn send_once(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let method: Method = method.parse().expect("a method");
        self.met.passwords(&body);
        let asked = format!("{method} {path} {headers:?}");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        let cookies: Vec<_> = self.cookies.lock().expect("cookies").iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header's name");
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
        }
        let start = Instant::now();
        let answer = request.send().await.expect("the portal answers");
        self.met.waited(start.elapsed());
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.keep_cookies(&headers);
        let answer = Answer { asked, status, headers, text: answer.text().await.expect("a body") };
        if let Some(bearer) = answer.json()["token"].as_str() {
            self.met.ticket(bearer);
        }
        answer
    }

    fn keep_cookies(&self, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().expect("cookies");
        for set in headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if set.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                self.met.ticket(value);
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A cookie that is kept.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("cookies").get(name).cloned()
    }

    /// The device cookies that are kept, as pairs of name and value.
    #[must_use]
    pub fn devices(&self) -> Vec<(String, String)> {
        let cookies = self.cookies.lock().expect("cookies").clone();
        cookies.into_iter().filter(|(name, _)| name.starts_with("__Host-device-")).collect()
    }

    /// Takes the machine elsewhere: the same cookies, from there.
    #[must_use]
    pub fn with_cookies_of(&self, elsewhere: Self) -> Self {
        elsewhere.cookies.lock().expect("cookies").clone_from(&self.cookies.lock().expect("cookies"));
        elsewhere
    }

    /// Puts a cookie there, as a thief would.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("cookies").insert(name.to_owned(), value.to_owned());
    }

    /// Reads a page or a route.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "").await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// *M'inscrire au service*.
    pub async fn register(&self, account: &str) -> Answer {
        self.post("/api/register", json!({ "account": account })).await
    }

    /// *Mot de passe oublié ?*
    pub async fn request_reset(&self, account: &str) -> Answer {
        self.post("/api/request-reset", json!({ "account": account })).await
    }

    /// Opens the page behind a link, which asks what it is good for.
    pub async fn check(&self, token: &str) -> Answer {
        self.post("/api/reset/check", json!({ "token": token })).await
    }

    /// *Changer mon mot de passe*, twice the same.
    pub async fn reset(&self, token: &str, password: &str) -> Answer {
        self.post("/api/reset", json!({ "token": token, "password": password, "confirmation": password })).await
    }

    /// Signs in, not to be remembered.
    pub async fn sign_in(&self, account: &str, password: &str) -> Answer {
        self.post("/api/login", json!({ "account": account, "password": password })).await
    }

    /// Goes the whole way of somebody who is new: asks, reads the mail, sets this password, gets the notice. The mail's
    /// token.
    pub async fn become_a_user(&self, portal: &Portal, person: &Person, password: &str) -> String {
        self.register(&person.account).await.expect(202, "");
        let mail = portal.mail_number(1, person).await;
        self.reset(mail.token(), password).await.expect(204, "");
        // Mails overtake each other: what is asked for next comes after this one only if this one is there.
        portal.mail_number(2, person).await;
        mail.token().to_owned()
    }
}
