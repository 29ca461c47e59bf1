//! The functions in this process, and what they find around them: an engine in memory, a mailbox, keys, and calls that go
//! wrong. All of it is of one schedule alone; time is what the schedule says.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use axum::body::{Bytes, to_bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dynoxide::Database;
use dynoxide::storage_backend::ManualClock;
use guichet_http::fuzzing::sanitize_event;
use guichet_http::{ApiError, LinkRequestContext};
use guichet_local::faults::FaultMode;
use guichet_platform::aws::Aws;
use guichet_tests::dynamodb;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, Request};
use lambda_runtime::LambdaEvent;
use mail_events::MailEvents;
use mailer::Mailer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// When each schedule begins: 2026-12-01 08:00 UTC.
pub const BEGIN: u64 = 1_796_112_000;

/// Calls of one invocation go wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The first of them, from 0.
    pub at: u64,
    /// How many.
    pub times: u64,
    /// How.
    pub how: How,
}

/// How a call goes wrong.
#[derive(Clone, Debug)]
pub enum How {
    /// At the wire.
    Wire(FaultMode),
    /// The function dies before the call is carried out.
    DiesBefore,
    /// It dies once it is.
    DiesAfter,
}

/// A mail that SES took.
#[derive(Clone, Debug)]
pub struct Posted {
    /// To whom.
    pub to: String,
    /// The token of the link in it, if there is one.
    pub token: Option<String>,
    /// What SES's tags name of its request.
    pub request: (String, String),
}

#[derive(Debug, Default)]
struct Invocation {
    fault: Option<Fault>,
    calls: u64,
    fired: bool,
    died: Arc<Notify>,
}

/// What the SDK calls instead of AWS.
#[derive(Clone, Debug)]
struct Wire(Arc<Surroundings>);

struct Surroundings {
    database: Database,
    posted: Mutex<Vec<Posted>>,
    invocation: Mutex<Invocation>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Surroundings")
    }
}

/// The whole of it.
pub struct World {
    surroundings: Arc<Surroundings>,
    clock: ManualClock,
    moved: PathBuf,
    now: AtomicU64,
    tables: BTreeMap<String, String>,
    link_requests: Arc<LinkRequestContext>,
    reset: Arc<reset::Context>,
    login: Arc<login::Context>,
    session: Arc<session::Context>,
    mailer: Mailer,
    mail_events: MailEvents,
    /// For what the desk and the import do.
    pub aws: Aws,
}

/// What came of an invocation.
pub struct Came<T> {
    /// What it answered; `None` where it died.
    pub answer: Option<T>,
    /// The calls that it made.
    pub calls: u64,
    /// Whether one of them went wrong.
    pub fired: bool,
    /// The mails that it posted.
    pub posted: Vec<Posted>,
}

impl World {
    /// A new one, with these tables (by their logical names, as `CreateTable` takes them).
    pub async fn new(aws: &Aws, tables: &[(String, Value)], rehearsal: PathBuf) -> Self {
        let clock = ManualClock::new(BEGIN);
        let database = Database::memory_with_clock(Arc::new(clock.clone())).expect("an engine");
        for (_, definition) in tables {
            let definition = serde_json::from_value(definition.clone()).expect("a table");
            database.create_table(definition).expect("a table");
        }
        let surroundings = Arc::new(Surroundings { database, posted: Mutex::default(), invocation: Mutex::default() });
        let aws = Aws::new(aws.config.to_builder().http_client(Wire(Arc::clone(&surroundings))).build());
        let names = tables.iter().map(|(logical, definition)| {
            (logical.clone(), definition["TableName"].as_str().expect("a name").to_owned())
        });
        let world = Self {
            clock,
            moved: rehearsal.join("clock"),
            now: AtomicU64::new(BEGIN),
            tables: names.collect(),
            link_requests: Arc::new(LinkRequestContext::from_env(&aws).await.expect("link requests")),
            reset: Arc::new(reset::Context::from_env(&aws).await.expect("reset")),
            login: Arc::new(login::Context::from_env(&aws).await.expect("login")),
            session: Arc::new(session::Context::from_env(&aws).await.expect("session")),
            mailer: Mailer::from_env(&aws).expect("a mailer"),
            mail_events: MailEvents::from_env(&aws).expect("mail events"),
            surroundings,
            aws,
        };
        world.pass(0);
        world
    }

    /// Lets so many seconds pass.
    pub fn pass(&self, seconds: u64) {
        let now = self.now.fetch_add(seconds, Ordering::Relaxed) + seconds;
        let real = std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs();
        std::fs::write(&self.moved, format!("{}", now.cast_signed() - real.cast_signed())).expect("a clock");
        self.clock.set(now);
    }

    /// What time it is, in seconds since 1970.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The items of a table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let call = json!({ "TableName": self.tables[table], "ConsistentRead": true });
        let found = self.surroundings.database.scan(serde_json::from_value(call).expect("a scan")).expect("items");
        match serde_json::to_value(found).expect("JSON")["Items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// Takes away what has expired, as DynamoDB does some day.
    pub fn sweep_away(&self) {
        self.surroundings.database.sweep_ttl().expect("a sweep");
    }

    /// Plays an invocation, or two at once, or what others than functions do, in which calls go wrong.
    pub async fn invoke<T>(&self, fault: Option<&Fault>, work: impl Future<Output = T>) -> Came<T> {
        let died = Arc::new(Notify::new());
        *self.surroundings.invocation.lock().expect("one") =
            Invocation { fault: fault.cloned(), died: Arc::clone(&died), ..Invocation::default() };
        self.surroundings.posted.lock().expect("mails").clear();
        let answer = tokio::select! {
            biased;
            () = died.notified() => None,
            answer = work => Some(answer),
        };
        let Invocation { calls, fired, .. } = std::mem::take(&mut *self.surroundings.invocation.lock().expect("one"));
        Came { answer, calls, fired, posted: std::mem::take(&mut self.surroundings.posted.lock().expect("mails")) }
    }

    /// A request to the API: status and body.
    pub async fn ask(&self, fault: Option<&Fault>, calls: &[Call<'_>]) -> Came<Vec<(u16, Value)>> {
        self.invoke(fault, futures_util::future::join_all(calls.iter().map(|call| self.answer(call)))).await
    }

    async fn answer(&self, call: &Call<'_>) -> (u16, Value) {
        let (method, _) = call.route.split_once(' ').expect("a route");
        let asked = json!({
            "routeKey": call.route,
            "headers": { "content-type": "application/json", "authorization": call.bearer.map(|it| format!("Bearer {it}")) },
            "requestContext": { "http": { "method": method, "sourceIp": if call.outside { "192.0.2.7" } else { "10.1.2.3" } } },
            "body": call.body.to_string(),
        });
        let request = Request::from(serde_json::from_value::<LambdaRequest>(sanitize_event(&asked)).expect("an event"));
        let answered = match call.route {
            "POST /api/register" => register::handle(Arc::clone(&self.link_requests), request).await,
            "POST /api/request-reset" => request_reset::handle(Arc::clone(&self.link_requests), request).await,
            "POST /api/reset" | "POST /api/reset/check" => reset::handle(Arc::clone(&self.reset), request).await,
            "POST /api/login" => login::handle(Arc::clone(&self.login), request).await,
            _ => session::handle(Arc::clone(&self.session), request).await,
        };
        let answer = answered.unwrap_or_else(|refusal: ApiError| refusal.response());
        let body: &[u8] = answer.body();
        (answer.status().as_u16(), serde_json::from_slice(body).unwrap_or_default())
    }

    /// The mailer, called with these events at once.
    pub async fn mail(&self, fault: Option<&Fault>, events: &[Value]) -> Came<()> {
        let calls = events.iter().map(|event| self.mailer.handle(LambdaEvent::new(event.clone(), Context::default())));
        let calls = futures_util::future::join_all(calls);
        self.invoke(fault, async { drop(calls.await) }).await
    }

    /// SES tells of a mail.
    pub async fn tell(&self, fault: Option<&Fault>, event: Value) -> Came<()> {
        let told = self.mail_events.handle(LambdaEvent::new(event, Context::default()));
        self.invoke(fault, async { drop(told.await) }).await
    }

    /// The physical name of a table.
    pub fn table(&self, logical: &str) -> String {
        self.tables[logical].clone()
    }
}

/// A request to the API.
pub struct Call<'a> {
    /// The gateway's key of it.
    pub route: &'a str,
    /// From outside, or from a managed workstation.
    pub outside: bool,
    /// The ticket that comes with it.
    pub bearer: Option<&'a str>,
    /// The body.
    pub body: Value,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let surroundings = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or("ses.SendEmail").to_owned();
            let (service, operation) = target.split_once('.').expect("a target");
            let service = if service.starts_with("DynamoDB") { "dynamodb" } else { service };
            let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
            let answer = surroundings.meet(service, operation, &body).await;
            let (parts, body) = answer.into_parts();
            let body = to_bytes(body, usize::MAX).await;
            let body = body.map_err(|error| ConnectorError::io(Box::new(error)))?;
            let mut response = HttpResponse::new(parts.status.as_u16().try_into().expect("a status"), body.into());
            for (name, value) in &parts.headers {
                response.headers_mut().insert(name.as_str().to_owned(), value.to_str().expect("text").to_owned());
            }
            Ok(response)
        })
    }
}

impl Surroundings {
    /// Carries a call out, or lets it go wrong.
    async fn meet(&self, service: &str, operation: &str, body: &Bytes) -> Response {
        let (call, how) = {
            let mut invocation = self.invocation.lock().expect("one");
            let call = invocation.calls;
            invocation.calls += 1;
            let hit = |fault: &&Fault| (fault.at..fault.at + fault.times).contains(&call);
            let how = invocation.fault.as_ref().filter(hit).map(|fault| fault.how.clone());
            invocation.fired |= how.is_some();
            (call, how)
        };
        // Where two are at work, neither is always ahead.
        for _ in 0..=call % 3 {
            tokio::task::yield_now().await;
        }
        match how {
            None => self.perform(service, operation, body),
            Some(How::Wire(mode)) => {
                mode.respond(service, operation, body, async { self.perform(service, operation, body) }).await
            }
            Some(dies) => {
                if let How::DiesAfter = dies {
                    drop(self.perform(service, operation, body));
                }
                let died = Arc::clone(&self.invocation.lock().expect("one").died);
                died.notify_one();
                std::future::pending().await
            }
        }
    }

    fn perform(&self, service: &str, operation: &str, body: &[u8]) -> Response {
        let database = &self.database;
        match (service, operation) {
            ("ses", _) => self.post(body),
            ("secretsmanager", _) => {
                let asked: Value = serde_json::from_slice(body).expect("JSON");
                let secret = json!({ "id": "1", "key": asked["SecretId"] }).to_string();
                axum::Json(json!({ "ARN": asked["SecretId"], "SecretString": secret })).into_response()
            }
            _ => {
                let (status, answer) = dynamodb(database, operation, body);
                let status = StatusCode::from_u16(status).expect("a status");
                (status, [("content-type", "application/x-amz-json-1.0")], answer).into_response()
            }
        }
    }

    fn post(&self, body: &[u8]) -> Response {
        let mail: Value = serde_json::from_slice(body).expect("a mail");
        let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().expect("a text");
        let link = text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"));
        let tag = |name: &str| {
            let mut tags = mail["EmailTags"].as_array().into_iter().flatten();
            let tag = tags.find(|tag| tag["Name"] == name).expect("a tag");
            tag["Value"].as_str().expect("a value").to_owned()
        };
        self.posted.lock().expect("mails").push(Posted {
            to: mail["Destination"]["ToAddresses"][0].as_str().expect("an address").to_owned(),
            token: link.and_then(|link| link.rsplit('#').next()).map(str::to_owned),
            request: (tag("account"), tag("request")),
        });
        axum::Json(json!({ "MessageId": "1" })).into_response()
    }
}
