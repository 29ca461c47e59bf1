//! In-process stand-in for DynamoDB, Secrets Manager, and SES. It records each call with its cost.
//!
//! To measure a function without the engine's time, it can replay earlier answers.

use crate::http::{Reply, Request, serve};
use dynoxide::Database;
use guichet_tests::dynamodb;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub struct RecordedCall {
    /// Such as `TransactWriteItems`.
    pub operation: String,
    started: Instant,
    ended: Instant,
    /// Of the request body and the response body.
    pub bytes: usize,
    pub read_units: f64,
    pub write_units: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AnswerMode {
    /// The engine answers.
    Engine,
    /// The engine answers after a delay, so that concurrent calls overlap visibly.
    Delayed,
    /// Returns what the engine last answered to a call of the same kind.
    Replay,
}

/// Caller, operation, and resource.
type CallKind = (String, String, String);

pub struct FakeAws {
    pub url: String,
    pub database: Arc<Database>,
    state: Arc<State>,
}

struct State {
    database: Arc<Database>,
    mode: Mutex<AnswerMode>,
    calls: Mutex<Vec<RecordedCall>>,
    answers: Mutex<BTreeMap<CallKind, String>>,
    mails: Mutex<Vec<Value>>,
}

impl FakeAws {
    pub fn new() -> Self {
        let database = Arc::new(Database::memory().expect("an engine"));
        let state = Arc::new(State {
            database: Arc::clone(&database),
            mode: Mutex::new(AnswerMode::Engine),
            calls: Mutex::default(),
            answers: Mutex::default(),
            mails: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let address = serve(move |request| Some(shared.answer(&request)));
        Self { url: format!("http://{address}"), database, state }
    }

    pub fn set_mode(&self, mode: AnswerMode) {
        *self.state.mode.lock().expect("the mode") = mode;
    }

    /// Removes and returns the calls recorded so far.
    pub fn take_calls(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut self.state.calls.lock().expect("the calls"))
    }

    /// The latest mail to this address.
    pub fn mail_to(&self, address: &str) -> Option<Value> {
        let mails = self.state.mails.lock().expect("the mails");
        mails.iter().rev().find(|mail| mail["Destination"]["ToAddresses"][0] == address).cloned()
    }
}

/// Length of the longest chain of calls in which each starts after the previous one has ended.
pub fn sequential_round_trips(calls: &[RecordedCall]) -> usize {
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|call| call.ended);
    let (mut chain, mut end) = (0, None);
    for call in calls {
        if end.is_none_or(|end| call.started >= end) {
            (chain, end) = (chain + 1, Some(call.ended));
        }
    }
    chain
}

/// The table, the secret, or the tables of a batch. Searches the text instead of parsing it, because this runs on the same
/// cores as the measured function.
fn resource(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).expect("JSON");
    // Python writes a space after the colon.
    let value = |name| text.split_once(name).and_then(|(_, rest)| rest.split('"').nth(2));
    let one = value("\"TableName").or_else(|| value("\"SecretId"));
    one.map_or_else(
        || {
            let mut tables: Vec<_> = text.split("\"bench-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            tables.sort_unstable();
            tables.join(" ")
        },
        str::to_owned,
    )
}

impl State {
    fn answer(&self, request: &Request) -> Reply {
        let started = Instant::now();
        let target = request.header("x-amz-target").unwrap_or("ses.SendEmail");
        let (service, operation) = target.split_once('.').expect("a target");
        let mode = *self.mode.lock().expect("the mode");
        let caller =
            request.header("authorization").and_then(|text| text.split("Credential=").nth(1)).unwrap_or_default();
        let caller = caller.split('/').next().unwrap_or_default();
        let kind = (caller.to_owned(), operation.to_owned(), resource(&request.body));
        if mode == AnswerMode::Replay {
            let answers = self.answers.lock().expect("the answers");
            let answer = answers.get(&kind).unwrap_or_else(|| panic!("no recorded answer to {kind:?}"));
            return reply(200, answer.clone());
        }
        let (status, answer, [read_units, write_units]) = match service {
            "ses" => {
                let mail = serde_json::from_slice(&request.body).expect("a mail");
                self.mails.lock().expect("the mails").push(mail);
                (200, json!({ "MessageId": "1" }).to_string(), [0.0, 0.0])
            }
            "secretsmanager" => {
                let secret = json!({ "id": "1", "key": format!("{:-<32}", kind.2) }).to_string();
                (200, json!({ "ARN": kind.2, "SecretString": secret }).to_string(), [0.0, 0.0])
            }
            _ => self.call_engine(operation, &request.body),
        };
        if mode == AnswerMode::Delayed {
            std::thread::sleep(Duration::from_millis(25));
        }
        if status == 200 {
            self.answers.lock().expect("the answers").insert(kind, answer.clone());
        }
        let bytes = request.body.len() + answer.len();
        let operation = operation.to_owned();
        let call = RecordedCall { operation, started, ended: Instant::now(), bytes, read_units, write_units };
        self.calls.lock().expect("the calls").push(call);
        reply(status, answer)
    }

    /// Asks the engine for the consumed capacity too, and removes it from the answer, because the function did not ask.
    fn call_engine(&self, operation: &str, body: &[u8]) -> (u16, String, [f64; 2]) {
        let mut call: Value = serde_json::from_slice(body).expect("a call");
        call["ReturnConsumedCapacity"] = "TOTAL".into();
        let (status, answer) = dynamodb(&self.database, operation, call.to_string().as_bytes());
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        let consumed = answer.as_object_mut().and_then(|answer| answer.remove("ConsumedCapacity")).unwrap_or_default();
        let by_table = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed]);
        let units: f64 = by_table.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
        let is_read = matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan");
        (status, answer.to_string(), if is_read { [units, 0.0] } else { [0.0, units] })
    }
}

fn reply(status: u16, answer: String) -> Reply {
    let mut reply = Reply::new(status, answer);
    reply.headers.push(("content-type", "application/x-amz-json-1.0".into()));
    reply
}
