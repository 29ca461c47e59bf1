//! Fault injection: while the file `faults.json` exists in the data folder, calls fail as its rules say.

use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The rules of a file, which is read for each call.
pub struct Faults {
    file: PathBuf,
    /// The file's time of modification, and how many calls each rule has matched since.
    matched: Mutex<(Option<SystemTime>, Vec<u64>)>,
}

/// The first rule that matches a call applies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// - `dynamodb`, `secretsmanager`, `ses`: calls of functions
    /// - `streams`: the stack's own `GetRecords`
    /// - `event-source-mapping`: the delivery of records to a function, which is the operation
    /// - `events`: the delivery of SES events, whose type is the operation
    /// - `lambda`: the invocation of a function, which is the operation
    service: String,
    /// Such as `UpdateItem`; all operations if absent.
    operation: Option<String>,
    /// A text that the call's body must contain.
    #[serde(default, rename = "match")]
    matches: String,
    /// Which of the matching calls fail, counted from 1; all if empty.
    #[serde(default)]
    nth: Vec<u64>,
    mode: FaultMode,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultMode {
    /// The service's own throttling error.
    Throttle,
    /// 500.
    #[serde(rename = "500")]
    Broken,
    /// 503.
    #[serde(rename = "503")]
    Unavailable,
    /// Delays the call by milliseconds.
    Slow(u64),
    /// Neither carries the call out nor responds.
    DropBefore,
    /// Carries the call out but does not respond.
    DropAfter,
    /// Resets the connection without carrying the call out.
    Reset,
    /// Carries the call out and responds with invalid JSON.
    Malformed,
    /// Refuses connections while the rule exists. Only for `ses`.
    Refuse,
    /// Another transaction uses an item.
    Conflict,
    /// An eventually consistent read finds nothing.
    Stale,
    Error {
        status: u16,
        /// The name of AWS's exception.
        kind: String,
        #[serde(default)]
        message: String,
    },
    /// Never delivers.
    Drop,
    /// Delivers this many times more.
    Duplicate(u32),
    /// Delivers after milliseconds.
    Delay(u64),
    /// Delivers after the next delivery, in reverse order.
    Reorder,
}

impl Faults {
    /// The file need not exist yet.
    #[must_use]
    pub fn in_file(file: PathBuf) -> Self {
        Self { file, matched: Mutex::default() }
    }

    fn rules(&self) -> Option<Vec<Rule>> {
        let rules = serde_json::from_slice(&std::fs::read(&self.file).ok()?);
        rules.inspect_err(|error| console!("{}: {error}", self.file.display())).ok()
    }

    pub fn ses_refuses_connections(&self) -> bool {
        let refuses = |rule: &Rule| rule.service == "ses" && rule.mode == FaultMode::Refuse;
        self.rules().is_some_and(|rules| rules.iter().any(refuses))
    }

    /// The fault of this call, if any.
    pub fn hit(&self, service: &str, operation: &str, body: &[u8]) -> Option<FaultMode> {
        let modified = std::fs::metadata(&self.file).and_then(|file| file.modified()).ok()?;
        let rules = self.rules()?;
        let body = String::from_utf8_lossy(body);
        let mut matched = self.matched.lock().unwrap_or_else(PoisonError::into_inner);
        if matched.0 != Some(modified) || matched.1.len() != rules.len() {
            *matched = (Some(modified), vec![0; rules.len()]);
        }
        for (rule, count) in rules.into_iter().zip(&mut matched.1) {
            let applies = rule.service == service
                && rule.operation.as_ref().is_none_or(|it| it == operation)
                && body.contains(&rule.matches);
            if !applies {
                continue;
            }
            *count += 1;
            if rule.nth.is_empty() || rule.nth.contains(count) {
                console!("injected fault: {service} {operation}: {:?}", rule.mode);
                return Some(rule.mode);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{FaultMode, Faults};

    #[test]
    fn fault_rule_counts_matching_calls_and_restarts_with_new_file() {
        let file = std::env::temp_dir().join(format!("guichet-faults-{}", std::process::id()));
        let faults = Faults::in_file(file.clone());
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        let rules = r#"[{"service": "ses", "match": "x", "nth": [2], "mode": "drop-after"},
                        {"service": "dynamodb", "operation": "GetItem", "mode": {"slow": 5}}]"#;
        let write = |modified: u64| {
            std::fs::write(&file, rules).unwrap();
            let modified = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(modified);
            std::fs::File::options().append(true).open(&file).unwrap().set_modified(modified).unwrap();
        };
        write(1_000_000_000);
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        assert_eq!(faults.hit("ses", "SendEmail", b"y"), None);
        assert_eq!(faults.hit("ses", "SendEmail", b"xy"), Some(FaultMode::DropAfter));
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        assert_eq!(faults.hit("dynamodb", "GetItem", b""), Some(FaultMode::Slow(5)));
        assert_eq!(faults.hit("dynamodb", "PutItem", b""), None);
        write(1_000_000_001);
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), None);
        assert_eq!(faults.hit("ses", "SendEmail", b"x"), Some(FaultMode::DropAfter));
        std::fs::remove_file(file).unwrap();
    }
}
