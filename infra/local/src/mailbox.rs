//! The emails that the emulated SES accepted, in a file.

use crate::host;
use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentEmail {
    /// SES's message id.
    pub id: String,
    /// Addresses, separated by commas.
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub sent_at: Timestamp,
    /// SES's message tags.
    pub tags: BTreeMap<String, String>,
}

/// The file, and its emails from the oldest to the newest.
pub struct Mailbox(Mutex<(File, Vec<SentEmail>)>);

impl Mailbox {
    /// Opens the file. Drops an incomplete last line: SES did not respond to it before the crash.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let context = || format!("cannot open the mailbox {}", file.display());
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            result => result.with_context(context)?,
        };
        let complete = text.rfind('\n').map_or(0, |end| end + 1);
        let emails = text[..complete].lines().map(serde_json::from_str).collect::<Result<_, _>>();
        let emails = emails.with_context(context)?;
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(file).with_context(context)?;
        opened.set_len(complete as u64).with_context(context)?;
        Ok(Self(Mutex::new((opened, emails))))
    }

    /// When this returns, the email is on the disk.
    pub fn deliver(&self, email: SentEmail) -> io::Result<()> {
        let mut line = serde_json::to_vec(&email)?;
        line.push(b'\n');
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0.write_all(&line)?;
        inner.0.sync_data()?;
        inner.1.push(email);
        Ok(())
    }

    pub fn newest_first(&self, filter: impl Fn(&SentEmail) -> bool) -> Vec<SentEmail> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.iter().rev().filter(|email| filter(email)).cloned().collect()
    }
}

/// In the form of SES.
pub fn message_id() -> anyhow::Result<String> {
    Ok(format!("01000000{}-000000", host::random_id()?))
}

#[cfg(test)]
mod tests {
    use super::{Mailbox, SentEmail};
    use std::collections::BTreeMap;
    use std::io::Write;

    fn mail(id: &str) -> SentEmail {
        SentEmail {
            id: id.into(),
            to: "a@b".into(),
            subject: "Élan".into(),
            text: "1\n2".into(),
            html: String::new(),
            sent_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn mailbox_survives_restart_and_torn_line() {
        let file = std::env::temp_dir().join(format!("guichet-mail-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mailbox = Mailbox::open(&file).unwrap();
        mailbox.deliver(mail("1")).unwrap();
        mailbox.deliver(mail("2")).unwrap();
        std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"id\": \"3").unwrap();

        let mailbox = Mailbox::open(&file).unwrap();
        mailbox.deliver(mail("4")).unwrap();
        let mailbox = Mailbox::open(&file).unwrap();
        let ids = |filter: fn(&SentEmail) -> bool| {
            mailbox.newest_first(filter).into_iter().map(|mail| mail.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(|_| true), ["4", "2", "1"]);
        assert_eq!(ids(|mail| mail.id != "2"), ["4", "1"]);
        std::fs::remove_file(file).unwrap();
    }
}
