//! Faults on demand: while the file is there, calls go wrong as it says, for a look at what the functions make of that.

use super::{JSON, error, failed};
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// What only reads.
const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "Scan"];
/// No client waits so long for an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// The rules of a file, looked up for each call.
pub struct Faults {
    file: PathBuf,
    /// Since when the file is as it is, and how many calls each of its rules has met.
    met: Mutex<(Option<SystemTime>, Vec<u64>)>,
}

/// One rule of the list; the first that a call meets counts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// `dynamodb`, `secretsmanager` or `ses`; `streams`, whose only operation is `GetRecords`; `lambda`, whose operations
    /// are the functions; `bell`, for what a stream brings to a function; `events`, for what SES tells.
    service: String,
    /// The one operation that goes wrong, such as `UpdateItem`; all of them where none is named.
    operation: Option<String>,
    /// What a call's body must hold.
    #[serde(default, rename = "match")]
    matches: String,
    /// Which of the calls that match, counted from 1; all of them where none is named.
    #[serde(default)]
    nth: Vec<u64>,
    mode: Mode,
}

/// How a call goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The service has too much to do.
    Throttle,
    /// 500.
    #[serde(rename = "500")]
    Broken,
    /// 503.
    #[serde(rename = "503")]
    Unavailable,
    /// It is carried out after so many milliseconds.
    Slow(u64),
    /// It is not carried out, and nothing is answered.
    DropBefore,
    /// It is carried out, and nothing is answered.
    DropAfter,
    /// It is not carried out, and the answer breaks off.
    Reset,
    /// It is carried out, and the answer is no JSON.
    Malformed,
    /// Nobody takes connections; of `ses` alone, and for as long as the rule is there.
    Refuse,
    /// Another transaction holds an item.
    Conflict,
    /// A read that does not ask to be consistent finds nothing yet.
    Stale,
    /// This answer.
    Error {
        /// Its status.
        status: u16,
        /// The name of AWS's exception.
        kind: String,
        /// Its message.
        #[serde(default)]
        message: String,
    },
    /// What was to be brought never comes.
    Drop,
    /// It comes so many times more.
    Duplicate(u32),
    /// It comes so many milliseconds later.
    Delay(u64),
    /// It comes after what follows it, last first.
    Reorder,
}

impl Faults {
    /// The rules that will stand in this file.
    #[must_use]
    pub fn in_file(file: PathBuf) -> Self {
        Self { file, met: Mutex::default() }
    }

    fn rules(&self) -> Option<Vec<Rule>> {
        let read = serde_json::from_slice(&std::fs::read(&self.file).ok()?);
        read.inspect_err(|problem| eprintln!("{}: {problem}", self.file.display())).ok()
    }

    /// Whether SES is to take no connections.
    pub fn ses_refuses(&self) -> bool {
        let is_meant = |rule: &Rule| rule.service == "ses" && rule.mode == Mode::Refuse;
        self.rules().is_some_and(|rules| rules.iter().any(is_meant))
    }

    /// How this call goes wrong, if it does.
    pub fn hit(&self, service: &str, operation: &str, body: &[u8]) -> Option<Mode> {
        let written = std::fs::metadata(&self.file).and_then(|file| file.modified()).ok()?;
        let rules = self.rules()?;
        let body = String::from_utf8_lossy(body);
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.0 != Some(written) || met.1.len() != rules.len() {
            *met = (Some(written), vec![0; rules.len()]);
        }
        for (rule, count) in rules.into_iter().zip(&mut met.1) {
            let meant = rule.service == service
                && rule.operation.as_ref().is_none_or(|it| it == operation)
                && body.contains(&rule.matches);
            if !meant {
                continue;
            }
            *count += 1;
            if rule.nth.is_empty() || rule.nth.contains(count) {
                eprintln!("{service} {operation} fails as asked: {:?}", rule.mode);
                return Some(rule.mode);
            }
        }
        None
    }
}

impl Mode {
    /// The answer to a call that goes wrong in this way; `perform` carries it out.
    pub async fn answer(
        self,
        service: &str,
        operation: &str,
        body: &Bytes,
        perform: impl Future<Output = Response>,
    ) -> Response {
        match self {
            Self::Throttle => throttled(service),
            Self::Broken => failed(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", ""),
            Self::Unavailable => failed(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", ""),
            Self::Slow(milliseconds) => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                perform.await
            }
            Self::DropBefore => silence().await,
            Self::DropAfter => {
                drop(perform.await);
                silence().await
            }
            Self::Reset => broken_off(),
            Self::Malformed => {
                let status = perform.await.status();
                (status, [("content-type", JSON)], "{\"").into_response()
            }
            Self::Conflict => conflict(operation, body),
            Self::Stale if READS.contains(&operation) && is_eventual(body) => nothing_yet(operation, body),
            Self::Error { status, kind, message } => {
                failed(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &kind, &message)
            }
            Self::Refuse | Self::Stale | Self::Drop | Self::Duplicate(_) | Self::Delay(_) | Self::Reorder => {
                perform.await
            }
        }
    }
}

fn throttled(service: &str) -> Response {
    match service {
        "ses" => failed(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Maximum sending rate exceeded."),
        "dynamodb" => error("ProvisionedThroughputExceededException", "The rate of requests is too high."),
        _ => error("ThrottlingException", "Rate exceeded"),
    }
}

async fn silence() -> Response {
    tokio::time::sleep(SILENCE).await;
    broken_off()
}

/// An answer that ends before it is whole.
fn broken_off() -> Response {
    let lost = || Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    Body::from_stream(futures_util::stream::once(async move { lost() })).into_response()
}

fn conflict(operation: &str, body: &[u8]) -> Response {
    if operation != "TransactWriteItems" {
        return error("TransactionConflictException", "Transaction is ongoing for the item");
    }
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = call["TransactItems"].as_array().map_or(1, Vec::len);
    let reason = |n| json!({ "Code": if n == 0 { "TransactionConflict" } else { "None" } });
    let kind = "TransactionCanceledException";
    let answer = json!({
        "__type": kind,
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
        "CancellationReasons": (0..items).map(reason).collect::<Vec<_>>(),
    });
    (StatusCode::BAD_REQUEST, [("content-type", JSON), ("x-amzn-errortype", kind)], answer.to_string()).into_response()
}

/// Whether a read leaves it to the table how old an image it is answered with.
fn is_eventual(body: &[u8]) -> bool {
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    let consistent = |asked: &Value| asked["ConsistentRead"] == true;
    match call["RequestItems"].as_object() {
        Some(tables) => !tables.values().all(consistent),
        None => !consistent(&call),
    }
}

fn nothing_yet(operation: &str, body: &[u8]) -> Response {
    let call: Value = serde_json::from_slice(body).unwrap_or_default();
    let tables = call["RequestItems"].as_object().into_iter().flatten().map(|(name, _)| (name.clone(), json!([])));
    let answer = match operation {
        "Query" | "Scan" => json!({ "Items": [], "Count": 0, "ScannedCount": 0 }),
        "BatchGetItem" => json!({ "Responses": tables.collect::<serde_json::Map<_, _>>(), "UnprocessedKeys": {} }),
        _ => json!({}),
    };
    (StatusCode::OK, [("content-type", JSON)], answer.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::{Faults, Mode, is_eventual};

    #[test]
    fn a_rule_meets_the_calls_that_it_counts_and_a_new_file_counts_anew() {
        let file = std::env::temp_dir().join(format!("guichet-faults-{}", std::process::id()));
        let faults = Faults::in_file(file.clone());
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        let rules = r#"[{"service": "ses", "match": "x", "nth": [2], "mode": "drop-after"},
                        {"service": "dynamodb", "operation": "GetItem", "mode": {"slow": 5}}]"#;
        let write = |written: u64| {
            std::fs::write(&file, rules).unwrap();
            let written = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(written);
            std::fs::File::options().append(true).open(&file).unwrap().set_modified(written).unwrap();
        };
        write(1_000_000_000);
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        assert_eq!(faults.hit("ses", "SendEmail", b"y"), None);
        assert_eq!(faults.hit("ses", "SendEmail", b"xy"), Some(Mode::DropAfter));
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        assert_eq!(faults.hit("dynamodb", "GetItem", b""), Some(Mode::Slow(5)));
        assert_eq!(faults.hit("dynamodb", "PutItem", b""), None);
        write(1_000_000_001);
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), Some(Mode::DropAfter));
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn only_a_read_that_does_not_ask_otherwise_may_be_stale() {
        assert!(is_eventual(br#"{"Key": {}}"#));
        assert!(!is_eventual(br#"{"ConsistentRead": true}"#));
        assert!(is_eventual(br#"{"RequestItems": {"a": {"ConsistentRead": true}, "b": {}}}"#));
        assert!(!is_eventual(br#"{"RequestItems": {"a": {"ConsistentRead": true}}}"#));
    }
}
