//! Searches a stack's tables and logs for secrets.
//!
//! The harness records every secret that a test uses on a stack: passwords, sessions, and devices. When the stack
//! stops, its tables and logs are searched for each of them and for all mailed links.

use crate::mailbox::Mail;
use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The record of secrets, in the stack's data folder.
pub(crate) const RECORD: &str = "recorded-secrets.jsonl";
/// Files that contain secrets legitimately: the record, the keys, and the recipients' mailboxes. Folders other than
/// `logs` are browser profiles and not searched either.
const NOT_SEARCHED: [&str; 4] = [RECORD, "secrets.json", MAILS, "directory.csv"];
const MAILS: &str = "mail.jsonl";
/// The domain of the desk's own address.
const SENDER_DOMAIN: &[u8] = b"@guichet.example";
/// A shorter secret may occur by chance, so it is searched only as a complete field.
const MIN_LENGTH: usize = 8;

/// The secrets that tests used on a stack.
#[derive(Clone)]
pub(crate) struct Secrets {
    file: PathBuf,
    known: Arc<Mutex<BTreeSet<String>>>,
    durations: Arc<Mutex<(u64, Duration)>>,
}

impl Secrets {
    pub(crate) fn on(data: &Path) -> Self {
        Self { file: data.join(RECORD), known: Arc::default(), durations: Arc::default() }
    }

    /// Records a secret.
    pub(crate) fn record(&self, text: &str) {
        if self.known.lock().expect("the secrets").insert(text.to_owned()) {
            let file = OpenOptions::new().append(true).create(true).open(&self.file);
            let line = format!("{}\n", Value::from(text));
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the secret is recorded");
        }
    }

    /// Records the duration of a request.
    pub(crate) fn record_duration(&self, time: Duration) {
        let mut durations = self.durations.lock().expect("the times");
        *durations = (durations.0 + 1, durations.1.max(time));
    }

    /// The number of responses, and the duration of the slowest.
    pub(crate) fn responses(&self) -> (u64, Duration) {
        *self.durations.lock().expect("the times")
    }

    /// Records the secret of a session token.
    pub(crate) fn record_session_token(&self, token: &str) {
        self.record(token.rsplit('.').next().unwrap_or(token));
    }

    /// Records the passwords in a request's body.
    pub(crate) fn record_passwords(&self, body: &[u8]) {
        let form: Value = serde_json::from_slice(body).unwrap_or_default();
        ["password", "current", "confirmation"]
            .iter()
            .filter_map(|name| form[name].as_str())
            .for_each(|it| self.record(it));
    }
}

/// Data to search: its origin and its bytes.
pub(crate) type Copy = (String, Vec<u8>);

/// The files of a data folder that are searched.
pub(crate) fn files(data: &Path) -> Vec<Copy> {
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(data).expect("the data folder").filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            if name == "logs" {
                copies.extend(files(&entry.path()));
            }
        } else if !NOT_SEARCHED.contains(&name.as_str()) {
            let kind = if entry.path().extension().is_some_and(|it| it == "log") { "log" } else { "file" };
            // A file may be deleted meanwhile.
            copies.extend(std::fs::read(entry.path()).map(|bytes| (format!("{kind} {name}"), bytes)));
        }
    }
    copies
}

/// One message for each recorded secret or mailed link found in the copies, and for each email address in a log.
pub(crate) fn find_leaks(data: &Path, copies: &[Copy]) -> Vec<String> {
    let read = |file| std::fs::read_to_string(data.join(file)).unwrap_or_default();
    let (record, mails) = (read(RECORD), read(MAILS));
    let mails = mails.lines().filter_map(|line| serde_json::from_str::<Mail>(line).ok());
    let tokens = mails.filter(Mail::has_link).map(|mail| mail.token().to_owned());
    let secrets = record.lines().filter_map(|line| serde_json::from_str(line).ok()).chain(tokens).collect();
    let found = find(&secrets, copies);
    let logs = copies.iter().filter(|(name, _)| name.starts_with("log"));
    let addresses = logs.filter_map(|(name, bytes)| {
        let is_address = |at: &[u8]| at[1] == b'@' && at[0].is_ascii_alphanumeric() && at[2].is_ascii_alphanumeric();
        let is_sender = |at: usize| bytes[at + 1..].starts_with(SENDER_DOMAIN);
        let at = (0..bytes.len().saturating_sub(2)).find(|at| is_address(&bytes[*at..at + 3]) && !is_sender(*at));
        at.map(|at| format!("an email address in {name}: {}", around(bytes, at)))
    });
    found.into_iter().chain(addresses).collect()
}

fn find(secrets: &BTreeSet<String>, copies: &[Copy]) -> Vec<String> {
    let needles: Vec<_> =
        secrets.iter().flat_map(|secret| spellings(secret).into_iter().map(move |it| (secret, it))).collect();
    let finder = AhoCorasick::new(needles.iter().map(|(_, spelling)| spelling)).expect("a search");
    let in_copy = |(name, bytes): &Copy| {
        let found: Vec<_> = finder.find_iter(bytes).collect();
        let describe = |it: aho_corasick::Match| {
            let secret = needles[it.pattern().as_usize()].0;
            format!("the secret {secret} in {name}: {}", around(bytes, it.start()))
        };
        found.into_iter().map(describe).collect::<Vec<_>>()
    };
    copies.iter().flat_map(in_copy).collect()
}

fn around(bytes: &[u8], at: usize) -> String {
    String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]).into_owned()
}

/// The encodings of a secret: plain, hexadecimal, and base64 at each offset in a longer text. If it is base64url
/// itself, also those of the decoded bytes.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    if secret.len() < MIN_LENGTH {
        // Only a mix of letters and digits is specific enough to be a password.
        let mixed = secret.bytes().any(|b| b.is_ascii_digit()) && secret.bytes().any(|b| b.is_ascii_alphabetic());
        let fields = [("\"", "\""), ("=", " "), ("=", "\n"), ("=", ","), ("=", "}"), ("=\"", "\""), ("\\\"", "\\\"")];
        return fields
            .iter()
            .filter(|_| mixed && secret.len() >= 4)
            .map(|(before, after)| format!("{before}{secret}{after}").into_bytes())
            .collect();
    }
    let decoded = URL_SAFE_NO_PAD.decode(secret).ok().filter(|bytes| bytes.len() >= MIN_LENGTH);
    let mut all = Vec::new();
    for bytes in [Some(secret.as_bytes().to_vec()), decoded].into_iter().flatten() {
        let hex = hex(&bytes);
        all.extend([hex.to_uppercase().into_bytes(), hex.into_bytes()]);
        for shift in 0..3 {
            let padded = [&vec![0; shift], &bytes[..]].concat();
            // Skip characters that also encode bits of the surrounding text.
            let own = |text: String| text.as_bytes()[(shift * 8).div_ceil(6)..padded.len() * 8 / 6].to_vec();
            all.extend([own(STANDARD_NO_PAD.encode(&padded)), own(URL_SAFE_NO_PAD.encode(&padded))]);
        }
        all.push(bytes);
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    fn finds(secret: &str, text: impl Into<Vec<u8>>) -> bool {
        !find(&BTreeSet::from([secret.to_owned()]), &[("copy".into(), text.into())]).is_empty()
    }

    #[test]
    fn leak_scanner_finds_encoded_secrets() {
        let password = "Phrase de passe ÿ?>7";
        let token = URL_SAFE_NO_PAD.encode([0xfb; 32]);
        for secret in [password, &token] {
            let hex = hex(secret.as_bytes());
            for text in [secret.to_owned(), hex.to_uppercase(), hex] {
                assert!(finds(secret, format!("…{text}…")), "{text}");
            }
            for before in ["", "a", "ab", "abc"] {
                let longer = format!("{before}{secret}yz");
                for text in [STANDARD.encode(&longer), URL_SAFE.encode(&longer), URL_SAFE_NO_PAD.encode(&longer)] {
                    assert!(finds(secret, text.clone()), "{text}");
                }
            }
        }
        for text in [STANDARD.encode([0xfb; 32]), "fb".repeat(32), "FB".repeat(32)] {
            assert!(finds(&token, text.clone()), "{text}");
        }
        assert!(finds(&token, [0xfb; 32]), "as bytes");
        assert!(!finds(password, "Phrase de passe") && !finds(&token, URL_SAFE_NO_PAD.encode([0xfa; 32])));
    }

    #[test]
    fn leak_scanner_finds_short_passwords_as_fields() {
        for text in [r#"{"S":"oie7"}"#, "password=oie7 ok", r#"password="oie7""#, r#"{\"a\":\"oie7\"}"#] {
            assert!(finds("oie7", text), "{text}");
        }
        assert!(!finds("oie7", "3f-oie7-a_oie7_"));
    }

    #[test]
    fn leak_scanner_finds_addresses_in_logs() {
        let data = tempfile::tempdir().unwrap();
        let copy = |name: &str| vec![(name.to_owned(), b"to marie@sante.example".to_vec())];
        assert_eq!(find_leaks(data.path(), &copy("log mailer.log")).len(), 1);
        assert!(find_leaks(data.path(), &copy("table Directory")).is_empty());
    }

    #[test]
    fn leak_scanner_searches_every_file_of_a_stack() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("logs")).unwrap();
        for name in ["logs/login.log", "dynamodb.sqlite-wal", "permissions.log", "secrets.json", "mail.jsonl"] {
            std::fs::write(data.path().join(name), "Phrase de passe 7").unwrap();
        }
        Secrets::on(data.path()).record_passwords(br#"{"account": "a", "password": "Phrase de passe 7"}"#);
        assert_eq!(find_leaks(data.path(), &files(data.path())).len(), 3);

        let token = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY";
        let text = format!("Votre lien :\nhttps://acces.example/changer-mon-mot-de-passe#{token}\n");
        let mail = serde_json::json!({ "id": "1", "subject": "", "text": text, "html": "", "sent_at": "" });
        std::fs::write(data.path().join("mail.jsonl"), format!("{mail}\n")).unwrap();
        std::fs::write(data.path().join("logs/mailer.log"), format!("sent {token}\n")).unwrap();
        assert_eq!(find_leaks(data.path(), &files(data.path())).len(), 4);
    }
}
