//! AWS as a function's calls find it: DynamoDB by an engine in this process, secrets, a mailbox. Each call is written down
//! with what it cost. So that a speed is that of the function and not of the engine, it can also answer what the engine
//! answered before.

use crate::http::{Reply, Request, serve};
use dynoxide::Database;
use guichet_tests::dynamodb;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A call, and what it cost.
#[derive(Clone, Debug)]
pub struct Call {
    /// `TransactWriteItems` and the like.
    pub operation: String,
    begun: Instant,
    ended: Instant,
    /// Bytes of the bodies, there and back.
    pub bytes: usize,
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// By the engine.
    Real,
    /// The same so late that what is asked at once also is seen to be.
    Late,
    /// With what the engine answered to the same kind of call before.
    Again,
}

/// The stand-in.
pub struct Aws {
    /// Where it listens.
    pub url: String,
    /// The engine.
    pub database: Arc<Database>,
    inside: Arc<Inside>,
}

struct Inside {
    database: Arc<Database>,
    mode: Mutex<Mode>,
    calls: Mutex<Vec<Call>>,
    /// By caller, operation and object.
    answers: Mutex<BTreeMap<(String, String, String), String>>,
    mails: Mutex<Vec<Value>>,
}

impl Aws {
    pub fn new() -> Self {
        let database = Arc::new(Database::memory().expect("an engine"));
        let inside = Arc::new(Inside {
            database: Arc::clone(&database),
            mode: Mutex::new(Mode::Real),
            calls: Mutex::default(),
            answers: Mutex::default(),
            mails: Mutex::default(),
        });
        let within = Arc::clone(&inside);
        let address = serve(move |request| Some(within.answer(&request)));
        Self { url: format!("http://{address}"), database, inside }
    }

    /// Answers so from now on.
    pub fn answers(&self, mode: Mode) {
        *self.inside.mode.lock().expect("a mode") = mode;
    }

    /// The calls since this was last asked.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.inside.calls.lock().expect("calls"))
    }

    /// The newest mail to this address.
    pub fn mail_to(&self, address: &str) -> Option<Value> {
        let mails = self.inside.mails.lock().expect("mails");
        mails.iter().rev().find(|mail| mail["Destination"]["ToAddresses"][0] == address).cloned()
    }
}

/// How many of these calls had to wait for another: the length of the longest chain, each begun after the end of the
/// one before.
pub fn one_after_the_other(calls: &[Call]) -> usize {
    let mut calls: Vec<_> = calls.iter().collect();
    calls.sort_by_key(|call| call.ended);
    let (mut chain, mut end) = (0, None);
    for call in calls {
        if end.is_none_or(|end| call.begun >= end) {
            (chain, end) = (chain + 1, Some(call.ended));
        }
    }
    chain
}

/// What a call is about: its table, its secret, or the tables of a batch. Looked for, not parsed: this costs the same two
/// cores as what is measured.
fn object(body: &[u8]) -> String {
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

impl Inside {
    fn answer(&self, request: &Request) -> Reply {
        let begun = Instant::now();
        let target = request.header("x-amz-target").unwrap_or("ses.SendEmail");
        let (service, operation) = target.split_once('.').expect("a target");
        let mode = *self.mode.lock().expect("a mode");
        let caller =
            request.header("authorization").and_then(|text| text.split("Credential=").nth(1)).unwrap_or_default();
        let caller = caller.split('/').next().unwrap_or_default();
        let kind = (caller.to_owned(), operation.to_owned(), object(&request.body));
        if mode == Mode::Again {
            let answers = self.answers.lock().expect("answers");
            let answer = answers.get(&kind).unwrap_or_else(|| panic!("{kind:?} was never asked before"));
            return reply(200, answer.clone());
        }
        let (status, answer, [read, write]) = match service {
            "ses" => {
                let mail = serde_json::from_slice(&request.body).expect("a mail");
                self.mails.lock().expect("mails").push(mail);
                (200, json!({ "MessageId": "1" }).to_string(), [0.0, 0.0])
            }
            "secretsmanager" => {
                let secret = json!({ "id": "1", "key": format!("{:-<32}", kind.2) }).to_string();
                (200, json!({ "ARN": kind.2, "SecretString": secret }).to_string(), [0.0, 0.0])
            }
            _ => self.metered(operation, &request.body),
        };
        if mode == Mode::Late {
            std::thread::sleep(Duration::from_millis(25));
        }
        if status == 200 {
            self.answers.lock().expect("answers").insert(kind, answer.clone());
        }
        let bytes = request.body.len() + answer.len();
        let call = Call { operation: operation.to_owned(), begun, ended: Instant::now(), bytes, read, write };
        self.calls.lock().expect("calls").push(call);
        reply(status, answer)
    }

    /// By the engine, which also tells the capacity units; the function is not told, since it did not ask.
    fn metered(&self, operation: &str, body: &[u8]) -> (u16, String, [f64; 2]) {
        let mut asked: Value = serde_json::from_slice(body).expect("a call");
        asked["ReturnConsumedCapacity"] = "TOTAL".into();
        let (status, answer) = dynamodb(&self.database, operation, asked.to_string().as_bytes());
        let mut answer: Value = serde_json::from_str(&answer).expect("JSON");
        let consumed = answer.as_object_mut().and_then(|answer| answer.remove("ConsumedCapacity")).unwrap_or_default();
        let each = consumed.as_array().cloned().unwrap_or_else(|| vec![consumed]);
        let units: f64 = each.iter().filter_map(|one| one["CapacityUnits"].as_f64()).sum();
        let reads = matches!(operation, "GetItem" | "BatchGetItem" | "Query" | "Scan");
        (status, answer.to_string(), if reads { [units, 0.0] } else { [0.0, units] })
    }
}

fn reply(status: u16, answer: String) -> Reply {
    let mut reply = Reply::new(status, answer);
    reply.headers.push(("content-type", "application/x-amz-json-1.0".into()));
    reply
}
