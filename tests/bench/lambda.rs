//! A function process, driven through the Lambda Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use crate::http::{Reply, serve};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// For the response to an event.
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct FunctionProcess {
    child: Child,
    started: Instant,
    events: Sender<String>,
    responses: Receiver<(Instant, Result<Value, String>)>,
}

impl FunctionProcess {
    pub fn start(command: &mut Command) -> Self {
        let ((events, queue), (sender, responses)) = (channel::<String>(), channel());
        let (queue, sender) = (Arc::new(Mutex::new(queue)), Mutex::new(sender));
        let address = serve(move |request| {
            if request.line.contains("/invocation/next") {
                let event = queue.lock().expect("the queue").recv().ok()?;
                let deadline = UNIX_EPOCH.elapsed().expect("the time") + Duration::from_secs(10);
                let mut reply = Reply::new(200, event);
                reply.headers = vec![
                    ("content-type", "application/json".into()),
                    ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".into()),
                    ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
                    (
                        "lambda-runtime-invoked-function-arn",
                        "arn:aws:lambda:ca-central-1:000000000000:function:f".into(),
                    ),
                    ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".into()),
                ];
                return Some(reply);
            }
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let response = if request.line.contains("/response") {
                serde_json::from_str(&text).map_err(|_| text)
            } else {
                Err(format!("{}: {text}", request.line))
            };
            let _ = sender.lock().expect("the sender").send((Instant::now(), response));
            Some(Reply::new(202, "{}"))
        });
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().expect("the function starts");
        Self { child, started, events, responses }
    }

    /// Status, JSON body, and duration of the response.
    pub fn invoke(&self, event: &Value) -> (u64, Value, Duration) {
        let sent = Instant::now();
        let (received, response) = self.invoke_raw(event);
        let body = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        (response["statusCode"].as_u64().unwrap_or_default(), body, received - sent)
    }

    /// Time from the start of the process to its first response, which must have this status.
    pub fn first_response(&self, event: &Value, status: u64) -> Duration {
        let (received, response) = self.invoke_raw(event);
        assert_eq!(response["statusCode"].as_u64().unwrap_or_default(), status, "{response}");
        received - self.started
    }

    /// The response to an event, and when it was received.
    pub fn invoke_raw(&self, event: &Value) -> (Instant, Value) {
        self.events.send(event.to_string()).expect("the process waits for an event");
        let (received, response) = self.responses.recv_timeout(TIMEOUT).expect("a response within the timeout");
        (received, response.expect("no runtime error"))
    }

    /// CPU time of its live threads so far, in milliseconds.
    pub fn cpu(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the threads");
        let spent = threads.flatten().filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum()).as_secs_f64() * 1e3
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for FunctionProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same event with a source IP in a managed network.
pub fn from_managed_network(mut event: Value) -> Value {
    event["requestContext"]["http"]["sourceIp"] = "10.1.2.3".into();
    event
}

/// An API Gateway event from an untrusted client. `route` is method and path.
pub fn event(route: &str, body: &Value, bearer: Option<&str>) -> Value {
    let (method, path) = route.split_once(' ').expect("a route");
    let mut headers = json!({
        "content-type": "application/json", "host": "acces.exemple.ca", "accept": "application/json",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "x-forwarded-for": "192.0.2.7", "x-forwarded-port": "443", "x-forwarded-proto": "https",
    });
    if let Some(bearer) = bearer {
        headers["authorization"] = format!("Bearer {bearer}").into();
    }
    json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "bench", "domainName": "acces.exemple.ca", "domainPrefix": "acces",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "Firefox" },
            "requestId": "bench", "routeKey": route, "stage": "$default",
            "time": "27/Nov/2026:12:00:00 +0000", "timeEpoch": 1_795_780_800_000_u64,
        },
        "body": body.to_string(), "isBase64Encoded": false,
    })
}
