//! What a child process says: kept in a file, its warnings and errors shown.

use crate::data::Data;
use anyhow::Context;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The number of lines that a message quotes.
const QUOTED: usize = 12;
/// How a warning or an error is told from other lines, in JSON and in plain text; a panic is one too.
const LOUD: [&str; 5] = ["\"level\":\"WARN\"", "\"level\":\"ERROR\"", " WARN ", "ERROR ", "panicked at"];

/// The log of one program, of which several instances may write.
pub struct Log {
    name: String,
    kept: Mutex<(File, VecDeque<String>)>,
}

impl Log {
    /// Opens `logs/NAME.log` in the data folder.
    pub fn open(data: &Data, name: &str) -> anyhow::Result<Arc<Self>> {
        let path = data.file(&format!("logs/{name}.log"));
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Arc::new(Self { name: name.to_owned(), kept: Mutex::new((file, VecDeque::new())) }))
    }

    /// Writes down what comes, until it ends.
    pub fn follow(self: &Arc<Self>, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(stream) = stream else { return };
        let log = Arc::clone(self);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(lines.read_until(b'\n', &mut line).await, Ok(1..)) {
                log.write(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        });
    }

    fn write(&self, line: &str) {
        if LOUD.iter().any(|mark| line.contains(mark)) {
            eprintln!("{}: {line}", self.name);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk shows itself in the database first; it must not end the log's reader.
        let _ = writeln!(kept.0, "{line}");
        kept.1.push_back(line.to_owned());
        if kept.1.len() > QUOTED {
            kept.1.pop_front();
        }
    }

    /// The last lines, indented, to be quoted.
    #[must_use]
    pub fn end(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.1.is_empty() {
            return "  (it said nothing)".into();
        }
        kept.1.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }
}
