//! The output of child processes: all of it in a file, warnings and errors on the terminal.

use crate::data_folder::DataFolder;
use anyhow::Context;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Lines that an error message quotes.
const TAIL: usize = 12;
/// What marks a warning, an error, or a panic, in JSON and in plain text.
const WARNING_MARKS: [&str; 5] = ["\"level\":\"WARN\"", "\"level\":\"ERROR\"", " WARN ", "ERROR ", "panicked at"];

/// The log of one program, which may have several instances.
pub struct ProcessLog {
    name: String,
    file_and_tail: Mutex<(File, VecDeque<String>)>,
}

impl ProcessLog {
    /// Opens `logs/NAME.log` in the data folder.
    pub fn open(data: &DataFolder, name: &str) -> anyhow::Result<Arc<Self>> {
        let path = data.file(&format!("logs/{name}.log"));
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Arc::new(Self { name: name.to_owned(), file_and_tail: Mutex::new((file, VecDeque::new())) }))
    }

    /// Logs a stream until it ends.
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

    pub fn write(&self, line: &str) {
        if WARNING_MARKS.iter().any(|mark| line.contains(mark)) {
            console!("{}: {line}", self.name);
        }
        let mut guard = self.file_and_tail.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, tail) = &mut *guard;
        // If the disk is full, the database reports it first; the process must not block on a full pipe.
        let _ = writeln!(file, "{line}");
        tail.push_back(line.to_owned());
        if tail.len() > TAIL {
            tail.pop_front();
        }
    }

    /// The last lines, indented.
    #[must_use]
    pub fn tail(&self) -> String {
        let guard = self.file_and_tail.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.1.is_empty() {
            return "  (no output)".into();
        }
        guard.1.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    }
}
