//! The mails that were sent: kept in a file that is safe before the sender has its answer.

use crate::machine;
use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A mail as it was handed to SES.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// SES's name for it.
    pub id: String,
    /// The address it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// Its HTML.
    pub html: String,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// SES's message tags.
    pub tags: BTreeMap<String, String>,
}

/// All mails, oldest first.
pub struct Mailbox(Mutex<(File, Vec<Mail>)>);

impl Mailbox {
    /// Opens the file of mails. A last line that a crash cut short was never answered, so it goes.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let failed = || format!("the mailbox {} cannot be opened", file.display());
        let kept = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.with_context(failed)?,
        };
        let whole = kept.rfind('\n').map_or(0, |end| end + 1);
        let mails = kept[..whole].lines().map(serde_json::from_str).collect::<Result<_, _>>().with_context(failed)?;
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(file).with_context(failed)?;
        opened.set_len(whole as u64).with_context(failed)?;
        Ok(Self(Mutex::new((opened, mails))))
    }

    /// Keeps a mail; when this returns it is on the disk.
    pub fn deliver(&self, mail: Mail) -> io::Result<()> {
        let mut line = serde_json::to_vec(&mail)?;
        line.push(b'\n');
        let mut inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.0.write_all(&line)?;
        inside.0.sync_data()?;
        inside.1.push(mail);
        Ok(())
    }

    /// The wanted mails, newest first.
    pub fn newest_first(&self, wanted: impl Fn(&Mail) -> bool) -> Vec<Mail> {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.1.iter().rev().filter(|mail| wanted(mail)).cloned().collect()
    }
}

/// A name for a message, in the form of those of SES.
pub fn message_id() -> anyhow::Result<String> {
    Ok(format!("01000000{}-000000", machine::random_id()?))
}

#[cfg(test)]
mod tests {
    use super::{Mail, Mailbox};
    use std::collections::BTreeMap;
    use std::io::Write;

    fn mail(id: &str) -> Mail {
        Mail {
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
    fn mails_outlive_the_process_and_a_torn_line() {
        let file = std::env::temp_dir().join(format!("guichet-mail-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mailbox = Mailbox::open(&file).unwrap();
        mailbox.deliver(mail("1")).unwrap();
        mailbox.deliver(mail("2")).unwrap();
        std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"id\": \"3").unwrap();

        let mailbox = Mailbox::open(&file).unwrap();
        mailbox.deliver(mail("4")).unwrap();
        let mailbox = Mailbox::open(&file).unwrap();
        let ids = |wanted: fn(&Mail) -> bool| {
            mailbox.newest_first(wanted).into_iter().map(|mail| mail.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(|_| true), ["4", "2", "1"]);
        assert_eq!(ids(|mail| mail.id != "2"), ["4", "1"]);
        std::fs::remove_file(file).unwrap();
    }
}
