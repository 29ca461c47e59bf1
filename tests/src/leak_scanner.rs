//! Whether a copy of all that a stack keeps and says gives a secret away.
//!
//! The harness writes down every secret that somebody meets on a stack: passwords typed, sessions and devices given out.
//! When the stack stops, its tables and its logs are searched for each of them and for all links that were mailed.

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

/// Where the secrets are written down, in the stack's data folder.
pub(crate) const MET: &str = "met.jsonl";
/// What of the data folder is not searched: the record itself, the keys, and what belongs to the readers of the mails.
/// Browsers' profiles are folders with names of their own.
const NOT_SEARCHED: [&str; 4] = [MET, "secrets.json", MAILS, "directory.csv"];
const MAILS: &str = "mail.jsonl";
/// A shorter secret can stand somewhere by chance. It is searched as a whole field alone.
const LONG: usize = 8;

/// The secrets that were met on a stack.
#[derive(Clone)]
pub(crate) struct Secrets {
    record: PathBuf,
    known: Arc<Mutex<BTreeSet<String>>>,
    waited: Arc<Mutex<(u64, Duration)>>,
}

impl Secrets {
    /// Those of the stack with this data folder.
    pub(crate) fn on(data: &Path) -> Self {
        Self { record: data.join(MET), known: Arc::default(), waited: Arc::default() }
    }

    /// Writes a secret down.
    pub(crate) fn secret(&self, text: &str) {
        if self.known.lock().expect("the secrets").insert(text.to_owned()) {
            let record = OpenOptions::new().append(true).create(true).open(&self.record);
            let line = format!("{}\n", Value::from(text));
            record.and_then(|mut record| record.write_all(line.as_bytes())).expect("the secret is written down");
        }
    }

    /// Notes how long somebody waited for an answer.
    pub(crate) fn waited(&self, time: Duration) {
        let mut waited = self.waited.lock().expect("the times");
        *waited = (waited.0 + 1, waited.1.max(time));
    }

    /// How many answers there were, and how long the slowest took.
    pub(crate) fn answers(&self) -> (u64, Duration) {
        *self.waited.lock().expect("the times")
    }

    /// Writes the secret of a session's ticket down.
    pub(crate) fn ticket(&self, ticket: &str) {
        self.secret(ticket.rsplit('.').next().unwrap_or(ticket));
    }

    /// Writes the passwords in a request's body down.
    pub(crate) fn passwords(&self, body: &[u8]) {
        let form: Value = serde_json::from_slice(body).unwrap_or_default();
        ["password", "current", "confirmation"]
            .iter()
            .filter_map(|name| form[name].as_str())
            .for_each(|it| self.secret(it));
    }
}

/// What is searched: where it comes from, and its bytes.
pub(crate) type Copy = (String, Vec<u8>);

/// All files of a data folder that are to be searched.
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
            // One that goes away meanwhile keeps nothing.
            copies.extend(std::fs::read(entry.path()).map(|bytes| (format!("{kind} {name}"), bytes)));
        }
    }
    copies
}

/// Each secret of the data folder's record or mails that stands in a copy, and each mail address in a log. Empty: nothing
/// does.
pub(crate) fn find_leaks(data: &Path, copies: &[Copy]) -> Vec<String> {
    let kept = |file| std::fs::read_to_string(data.join(file)).unwrap_or_default();
    let (record, mails) = (kept(MET), kept(MAILS));
    let mails = mails.lines().filter_map(|line| serde_json::from_str::<Mail>(line).ok());
    let tokens = mails.filter(Mail::has_link).map(|mail| mail.token().to_owned());
    let secrets = record.lines().filter_map(|line| serde_json::from_str(line).ok()).chain(tokens).collect();
    let found = find(&secrets, copies);
    let logs = copies.iter().filter(|(name, _)| name.starts_with("log"));
    let addresses = logs.filter_map(|(name, bytes)| {
        let address = |at: &[u8]| at[1] == b'@' && at[0].is_ascii_alphanumeric() && at[2].is_ascii_alphanumeric();
        let at = bytes.windows(3).position(address);
        at.map(|at| format!("a mail address stands in {name}: {}", around(bytes, at)))
    });
    found.into_iter().chain(addresses).collect()
}

fn find(secrets: &BTreeSet<String>, copies: &[Copy]) -> Vec<String> {
    let needles: Vec<_> =
        secrets.iter().flat_map(|secret| spellings(secret).into_iter().map(move |it| (secret, it))).collect();
    let finder = AhoCorasick::new(needles.iter().map(|(_, spelling)| spelling)).expect("a search");
    let in_copy = |(name, bytes): &Copy| {
        let found: Vec<_> = finder.find_iter(bytes).collect();
        let tell = |it: aho_corasick::Match| {
            let secret = needles[it.pattern().as_usize()].0;
            format!("the secret {secret} stands in {name}: {}", around(bytes, it.start()))
        };
        found.into_iter().map(tell).collect::<Vec<_>>()
    };
    copies.iter().flat_map(in_copy).collect()
}

fn around(bytes: &[u8], at: usize) -> String {
    String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]).into_owned()
}

/// What a secret may look like: as it is, its bytes in hexadecimal, and in base64 at each place that it may have in a
/// longer text. Where it is base64url itself, also what that stands for.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    if secret.len() < LONG {
        // A word or a number by itself may be anything; what has both is somebody's password.
        let mixed = secret.bytes().any(|b| b.is_ascii_digit()) && secret.bytes().any(|b| b.is_ascii_alphabetic());
        let fields = [("\"", "\""), ("=", " "), ("=", "\n"), ("=", ","), ("=", "}"), ("=\"", "\""), ("\\\"", "\\\"")];
        return fields
            .iter()
            .filter(|_| mixed && secret.len() >= 4)
            .map(|(before, after)| format!("{before}{secret}{after}").into_bytes())
            .collect();
    }
    let decoded = URL_SAFE_NO_PAD.decode(secret).ok().filter(|bytes| bytes.len() >= LONG);
    let mut all = Vec::new();
    for bytes in [Some(secret.as_bytes().to_vec()), decoded].into_iter().flatten() {
        let hex = hex(&bytes);
        all.extend([hex.to_uppercase().into_bytes(), hex.into_bytes()]);
        for shift in 0..3 {
            let padded = [&vec![0; shift], &bytes[..]].concat();
            // Characters that also carry bits of what stands before or after are not the secret's own.
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
        Secrets::on(data.path()).passwords(br#"{"account": "a", "password": "Phrase de passe 7"}"#);
        assert_eq!(find_leaks(data.path(), &files(data.path())).len(), 3);

        let token = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY";
        let text = format!("Votre lien :\nhttps://acces.example/changer-mon-mot-de-passe#{token}\n");
        let mail = serde_json::json!({ "id": "1", "subject": "", "text": text, "html": "", "sent_at": "" });
        std::fs::write(data.path().join("mail.jsonl"), format!("{mail}\n")).unwrap();
        std::fs::write(data.path().join("logs/mailer.log"), format!("sent {token}\n")).unwrap();
        assert_eq!(find_leaks(data.path(), &files(data.path())).len(), 4);
    }
}
