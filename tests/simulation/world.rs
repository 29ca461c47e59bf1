//! The functions in this process, and an in-memory AWS for them: DynamoDB, SES, Secrets Manager, and injected faults.
//! Each sequence has its own, with its own clock.

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

/// The start of each sequence: 2026-12-01 08:00 UTC.
pub const START: u64 = 1_796_112_000;

/// Faults in the AWS calls `first..first + count` of one invocation; calls count from 0.
#[derive(Clone, Debug)]
pub struct Fault {
    pub first: u64,
    pub count: u64,
    pub kind: FaultKind,
}

#[derive(Clone, Debug)]
pub enum FaultKind {
    Call(FaultMode),
    /// The function crashes before AWS executes the call.
    CrashBefore,
    /// The function crashes after AWS has executed the call.
    CrashAfter,
}

/// An email that SES accepted.
#[derive(Clone, Debug)]
pub struct SentEmail {
    pub to: String,
    /// The token of the link, if the email contains one.
    pub token: Option<String>,
    /// The SES tags `account` and `request`.
    pub request: (String, String),
}

#[derive(Debug, Default)]
struct Invocation {
    fault: Option<Fault>,
    calls: u64,
    fault_injected: bool,
    crashed: Arc<Notify>,
}

/// The HTTP client of the SDK.
#[derive(Clone, Debug)]
struct AwsConnector(Arc<InMemoryAws>);

struct InMemoryAws {
    database: Database,
    sent: Mutex<Vec<SentEmail>>,
    invocation: Mutex<Invocation>,
}

impl std::fmt::Debug for InMemoryAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InMemoryAws")
    }
}

pub struct World {
    in_memory: Arc<InMemoryAws>,
    clock: ManualClock,
    /// The functions read their clock's offset from this file.
    clock_file: PathBuf,
    now: AtomicU64,
    tables: BTreeMap<String, String>,
    link_requests: Arc<LinkRequestContext>,
    reset: Arc<reset::Context>,
    login: Arc<login::Context>,
    session: Arc<session::Context>,
    mailer: Mailer,
    mail_events: MailEvents,
    /// For the desk's tool and the import.
    pub aws: Aws,
}

pub struct Completed<T> {
    /// `None` if the function crashed.
    pub result: Option<T>,
    /// The number of AWS calls, retries included.
    pub calls: u64,
    pub fault_injected: bool,
    pub sent: Vec<SentEmail>,
}

impl World {
    /// `tables` are logical names with `CreateTable` requests.
    pub async fn new(aws: &Aws, tables: &[(String, Value)], failpoints: PathBuf) -> Self {
        let clock = ManualClock::new(START);
        let database = Database::memory_with_clock(Arc::new(clock.clone())).expect("an engine");
        for (_, definition) in tables {
            let definition = serde_json::from_value(definition.clone()).expect("a table");
            database.create_table(definition).expect("a table");
        }
        let in_memory = Arc::new(InMemoryAws { database, sent: Mutex::default(), invocation: Mutex::default() });
        let aws = Aws::new(aws.config.to_builder().http_client(AwsConnector(Arc::clone(&in_memory))).build());
        let names = tables.iter().map(|(logical, definition)| {
            (logical.clone(), definition["TableName"].as_str().expect("a name").to_owned())
        });
        let world = Self {
            clock,
            clock_file: failpoints.join("clock"),
            now: AtomicU64::new(START),
            tables: names.collect(),
            link_requests: Arc::new(LinkRequestContext::from_env(&aws).await.expect("link requests")),
            reset: Arc::new(reset::Context::from_env(&aws).await.expect("reset")),
            login: Arc::new(login::Context::from_env(&aws).await.expect("login")),
            session: Arc::new(session::Context::from_env(&aws).await.expect("session")),
            mailer: Mailer::from_env(&aws).expect("a mailer"),
            mail_events: MailEvents::from_env(&aws).expect("mail events"),
            in_memory,
            aws,
        };
        world.advance_clock(0);
        world
    }

    pub fn advance_clock(&self, seconds: u64) {
        let now = self.now.fetch_add(seconds, Ordering::Relaxed) + seconds;
        let real = std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs();
        std::fs::write(&self.clock_file, format!("{}", now.cast_signed() - real.cast_signed())).expect("a clock");
        self.clock.set(now);
    }

    /// Unix time in seconds.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub fn items(&self, table: &str) -> Vec<Value> {
        let call = json!({ "TableName": self.tables[table], "ConsistentRead": true });
        let found = self.in_memory.database.scan(serde_json::from_value(call).expect("a scan")).expect("items");
        match serde_json::to_value(found).expect("JSON")["Items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// Deletes expired items. DynamoDB does so within days.
    pub fn delete_expired(&self) {
        self.in_memory.database.sweep_ttl().expect("a sweep");
    }

    /// Runs `work` (one invocation, or two concurrent ones) with `fault` injected into its AWS calls.
    pub async fn invoke<T>(&self, fault: Option<&Fault>, work: impl Future<Output = T>) -> Completed<T> {
        let crashed = Arc::new(Notify::new());
        *self.in_memory.invocation.lock().expect("a lock") =
            Invocation { fault: fault.cloned(), crashed: Arc::clone(&crashed), ..Invocation::default() };
        self.in_memory.sent.lock().expect("a lock").clear();
        let result = tokio::select! {
            biased;
            () = crashed.notified() => None,
            result = work => Some(result),
        };
        let Invocation { calls, fault_injected, .. } =
            std::mem::take(&mut *self.in_memory.invocation.lock().expect("a lock"));
        Completed {
            result,
            calls,
            fault_injected,
            sent: std::mem::take(&mut self.in_memory.sent.lock().expect("a lock")),
        }
    }

    /// Sends the API requests concurrently; returns their statuses and bodies.
    pub async fn send(&self, fault: Option<&Fault>, requests: &[ApiRequest<'_>]) -> Completed<Vec<(u16, Value)>> {
        let responses = requests.iter().map(|request| self.respond(request));
        self.invoke(fault, futures_util::future::join_all(responses)).await
    }

    async fn respond(&self, sent: &ApiRequest<'_>) -> (u16, Value) {
        let (method, _) = sent.route.split_once(' ').expect("a route");
        let event = json!({
            "routeKey": sent.route,
            "headers": { "content-type": "application/json", "authorization": sent.bearer.map(|it| format!("Bearer {it}")) },
            "requestContext": { "http": { "method": method, "sourceIp": if sent.untrusted { "192.0.2.7" } else { "10.1.2.3" } } },
            "body": sent.body.to_string(),
        });
        let request = Request::from(serde_json::from_value::<LambdaRequest>(sanitize_event(&event)).expect("an event"));
        let result = match sent.route {
            "POST /api/register" => register::handle(Arc::clone(&self.link_requests), request).await,
            "POST /api/request-reset" => request_reset::handle(Arc::clone(&self.link_requests), request).await,
            "POST /api/reset" | "POST /api/reset/check" => reset::handle(Arc::clone(&self.reset), request).await,
            "POST /api/login" => login::handle(Arc::clone(&self.login), request).await,
            _ => session::handle(Arc::clone(&self.session), request).await,
        };
        let response = result.unwrap_or_else(|error: ApiError| error.response());
        let body: &[u8] = response.body();
        (response.status().as_u16(), serde_json::from_slice(body).unwrap_or_default())
    }

    /// Invokes the mailer concurrently, once per event.
    pub async fn mail(&self, fault: Option<&Fault>, events: &[Value]) -> Completed<()> {
        let calls = events.iter().map(|event| self.mailer.handle(LambdaEvent::new(event.clone(), Context::default())));
        let calls = futures_util::future::join_all(calls);
        self.invoke(fault, async { drop(calls.await) }).await
    }

    pub async fn ses_event(&self, fault: Option<&Fault>, event: Value) -> Completed<()> {
        let handled = self.mail_events.handle(LambdaEvent::new(event, Context::default()));
        Box::pin(self.invoke(fault, async { drop(handled.await) })).await
    }

    /// The physical name of the table.
    pub fn table(&self, logical: &str) -> String {
        self.tables[logical].clone()
    }
}

pub struct ApiRequest<'a> {
    /// API Gateway's route key.
    pub route: &'a str,
    /// From an untrusted network; otherwise from the managed network.
    pub untrusted: bool,
    /// The session token.
    pub bearer: Option<&'a str>,
    pub body: Value,
}

impl HttpClient for AwsConnector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for AwsConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let in_memory = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let target = request.headers().get("x-amz-target").unwrap_or("ses.SendEmail").to_owned();
            let (service, operation) = target.split_once('.').expect("a target");
            let service = if service.starts_with("DynamoDB") { "dynamodb" } else { service };
            let body = Bytes::copy_from_slice(request.body().bytes().unwrap_or_default());
            let response = in_memory.call(service, operation, &body).await;
            let (parts, body) = response.into_parts();
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

impl InMemoryAws {
    /// Executes a call, or injects the fault.
    async fn call(&self, service: &str, operation: &str, body: &Bytes) -> Response {
        let (call, fault) = {
            let mut invocation = self.invocation.lock().expect("a lock");
            let call = invocation.calls;
            invocation.calls += 1;
            let applies = |fault: &&Fault| (fault.first..fault.first + fault.count).contains(&call);
            let fault = invocation.fault.as_ref().filter(applies).map(|fault| fault.kind.clone());
            invocation.fault_injected |= fault.is_some();
            (call, fault)
        };
        // Vary which of two concurrent invocations is ahead.
        for _ in 0..=call % 3 {
            tokio::task::yield_now().await;
        }
        match fault {
            None => self.execute(service, operation, body),
            Some(FaultKind::Call(mode)) => {
                mode.respond(service, operation, body, async { self.execute(service, operation, body) }).await
            }
            Some(crash) => {
                if let FaultKind::CrashAfter = crash {
                    drop(self.execute(service, operation, body));
                }
                let crashed = Arc::clone(&self.invocation.lock().expect("a lock").crashed);
                crashed.notify_one();
                std::future::pending().await
            }
        }
    }

    fn execute(&self, service: &str, operation: &str, body: &[u8]) -> Response {
        let database = &self.database;
        match (service, operation) {
            ("ses", _) => self.send_email(body),
            ("secretsmanager", _) => {
                let request: Value = serde_json::from_slice(body).expect("JSON");
                let secret = json!({ "id": "1", "key": request["SecretId"] }).to_string();
                axum::Json(json!({ "ARN": request["SecretId"], "SecretString": secret })).into_response()
            }
            _ => {
                let (status, response) = dynamodb(database, operation, body);
                let status = StatusCode::from_u16(status).expect("a status");
                (status, [("content-type", "application/x-amz-json-1.0")], response).into_response()
            }
        }
    }

    fn send_email(&self, body: &[u8]) -> Response {
        let mail: Value = serde_json::from_slice(body).expect("a mail");
        let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().expect("a text");
        let link = text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"));
        let tag = |name: &str| {
            let mut tags = mail["EmailTags"].as_array().into_iter().flatten();
            let tag = tags.find(|tag| tag["Name"] == name).expect("a tag");
            tag["Value"].as_str().expect("a value").to_owned()
        };
        self.sent.lock().expect("a lock").push(SentEmail {
            to: mail["Destination"]["ToAddresses"][0].as_str().expect("an address").to_owned(),
            token: link.and_then(|link| link.rsplit('#').next()).map(str::to_owned),
            request: (tag("account"), tag("request")),
        });
        axum::Json(json!({ "MessageId": "1" })).into_response()
    }
}
