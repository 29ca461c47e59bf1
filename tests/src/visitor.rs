//! An HTTP client of the portal.

use crate::leak_scanner::Secrets;
use crate::person::Person;
use crate::portal::Portal;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// An HTTP client with its own address and cookies.
pub struct Visitor {
    url: String,
    address: String,
    client: Client,
    cookies: Mutex<BTreeMap<String, String>>,
    patient: bool,
    secrets: Secrets,
}

#[derive(Debug, Clone)]
pub struct ApiResponse {
    /// The request: method, path, and headers, without cookies.
    pub asked: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl ApiResponse {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The `code` of an error; empty if there is none.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts the status and the error code (`""` for none).
    #[track_caller]
    #[expect(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "called for its assertion")]
    pub fn expect(self, status: u16, code: &str) -> Self {
        assert!(self.status == status && self.code() == code, "expected {status} {code:?}: {self:#?}");
        self
    }
}

impl Visitor {
    pub(crate) fn new(url: &str, address: &str, secrets: Secrets) -> Self {
        let client = Client::builder().local_address(address.parse::<std::net::IpAddr>().ok()).no_proxy();
        // Cookies are stored here, because a standard cookie jar does not send Secure cookies to http://localhost.
        let client = client.redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        // `localhost` may resolve to IPv6, but the client's own address is IPv4.
        let url = url.replace("localhost", "127.0.0.1");
        Self { url, address: address.to_owned(), client, cookies: Mutex::default(), patient: false, secrets }
    }

    /// Makes the client retry after a 503.
    #[must_use]
    pub fn with_retries(self) -> Self {
        Self { patient: true, ..self }
    }

    /// Another client at the same address, without cookies.
    #[must_use]
    pub fn at_same_address(&self) -> Self {
        self.at(&self.url)
    }

    /// A client at the same address that sends to another URL.
    pub(crate) fn at(&self, url: &str) -> Self {
        Self::new(url, &self.address, self.secrets.clone())
    }

    /// Sends a request with the stored cookies, and stores those that the response sets.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> ApiResponse {
        let body = body.into();
        let mut answer = self.send_once(method, path, headers, body.clone()).await;
        for _ in 0..12 {
            if !self.patient || answer.status != 503 {
                break;
            }
            // The gateway's own 503 has no `Retry-After`.
            tokio::time::sleep(Duration::from_secs(answer.header("retry-after").parse().unwrap_or(5))).await;
            answer = self.send_once(method, path, headers, body.clone()).await;
        }
        answer
    }

    async fn send_once(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> ApiResponse {
        let method: Method = method.parse().expect("a method");
        self.secrets.record_passwords(&body);
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
        self.secrets.record_duration(start.elapsed());
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.keep_cookies(&headers);
        let answer = ApiResponse { asked, status, headers, text: answer.text().await.expect("a body") };
        if let Some(bearer) = answer.json()["token"].as_str() {
            self.secrets.record_session_token(bearer);
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
                self.secrets.record_session_token(value);
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("cookies").get(name).cloned()
    }

    /// The stored device cookies, as pairs of name and value.
    #[must_use]
    pub fn devices(&self) -> Vec<(String, String)> {
        let cookies = self.cookies.lock().expect("cookies").clone();
        cookies.into_iter().filter(|(name, _)| name.starts_with("__Host-device-")).collect()
    }

    /// Copies the cookies to a client at another address, as if the machine had moved.
    #[must_use]
    pub fn with_cookies_of(&self, elsewhere: Self) -> Self {
        elsewhere.cookies.lock().expect("cookies").clone_from(&self.cookies.lock().expect("cookies"));
        elsewhere
    }

    /// Sets a cookie, as a thief would.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("cookies").insert(name.to_owned(), value.to_owned());
    }

    pub async fn get(&self, path: &str) -> ApiResponse {
        self.send("GET", path, &[], "").await
    }

    pub async fn delete(&self, path: &str) -> ApiResponse {
        self.send("DELETE", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> ApiResponse {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// *M'inscrire au service*.
    pub async fn register(&self, account: &str) -> ApiResponse {
        self.post("/api/register", json!({ "account": account })).await
    }

    /// *Mot de passe oublié ?*
    pub async fn request_reset(&self, account: &str) -> ApiResponse {
        self.post("/api/request-reset", json!({ "account": account })).await
    }

    /// Checks a link, as its page does.
    pub async fn check(&self, token: &str) -> ApiResponse {
        self.post("/api/reset/check", json!({ "token": token })).await
    }

    /// *Changer mon mot de passe*, with an equal confirmation.
    pub async fn reset(&self, token: &str, password: &str) -> ApiResponse {
        self.post("/api/reset", json!({ "token": token, "password": password, "confirmation": password })).await
    }

    /// Signs in without a remember option.
    pub async fn sign_in(&self, account: &str, password: &str) -> ApiResponse {
        self.post("/api/login", json!({ "account": account, "password": password })).await
    }

    /// Registers a new person: requests a link, sets the password with it, and waits for the notice. Returns the link's
    /// token.
    pub async fn sign_up(&self, portal: &Portal, person: &Person, password: &str) -> String {
        self.register(&person.account).await.expect(202, "");
        let mail = portal.nth_mail(1, person).await;
        self.reset(mail.token(), password).await.expect(204, "");
        // Emails may overtake each other, so later ones are only in order once this one has arrived.
        portal.nth_mail(2, person).await;
        mail.token().to_owned()
    }
}

/// Repeats a request until it is refused. Returns the number of accepted ones and the refusal.
pub async fn until_refused(most: usize, mut request: impl AsyncFnMut(usize) -> ApiResponse) -> (usize, ApiResponse) {
    for n in 0..=most {
        let response = request(n).await;
        if response.status == 429 {
            return (n, response.expect(429, "too-many-attempts"));
        }
    }
    panic!("{most} times and never refused");
}
