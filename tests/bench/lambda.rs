//! A stand-in of the Lambda Runtime API
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>): a process of a function, from its start on.

use crate::http::{Reply, serve};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// What takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running process that answers events.
pub struct Instance {
    child: Child,
    started: Instant,
    events: Sender<String>,
    answers: Receiver<(Instant, Result<Value, String>)>,
}

impl Instance {
    /// Starts it. Its clock begins right before.
    pub fn start(command: &mut Command) -> Self {
        let ((events, waiting), (answered, answers)) = (channel::<String>(), channel());
        let (waiting, answered) = (Arc::new(Mutex::new(waiting)), Mutex::new(answered));
        let address = serve(move |request| {
            if request.line.contains("/invocation/next") {
                let event = waiting.lock().expect("one").recv().ok()?;
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
            let answer = if request.line.contains("/response") {
                serde_json::from_str(&text).map_err(|_| text)
            } else {
                Err(format!("{}: {text}", request.line))
            };
            let _ = answered.lock().expect("one").send((Instant::now(), answer));
            Some(Reply::new(202, "{}"))
        });
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().expect("the function starts");
        Self { child, started, events, answers }
    }

    /// Its answer to an event: status and body, and how long it took.
    pub fn invoke(&self, event: &Value) -> (u64, Value, Duration) {
        let begun = Instant::now();
        let (ended, answer) = self.answer_to(event);
        let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
        (answer["statusCode"].as_u64().unwrap_or_default(), body, ended - begun)
    }

    /// The time from its start to its first answer, which has this status.
    pub fn first(&self, event: &Value, status: u64) -> Duration {
        let (ended, answer) = self.answer_to(event);
        assert_eq!(answer["statusCode"].as_u64().unwrap_or_default(), status, "{answer}");
        ended - self.started
    }

    /// Whatever it answers.
    pub fn answer_to(&self, event: &Value) -> (Instant, Value) {
        self.events.send(event.to_string()).expect("it waits");
        let (ended, answer) = self.answers.recv_timeout(PATIENCE).expect("an answer");
        (ended, answer.expect("an answer that is none of the runtime's errors"))
    }

    /// The processor time that its threads have used.
    pub fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let spent = threads.flatten().filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum())
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same event from a managed workstation.
pub fn at_work(mut event: Value) -> Value {
    event["requestContext"]["http"]["sourceIp"] = "10.1.2.3".into();
    event
}

/// An event of the gateway, from somewhere in the internet.
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
