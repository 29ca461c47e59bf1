//! What a running stack tells other programs, `cargo admin` above all: where it is, and what its parts are called.

use crate::data::Data;
use crate::machine;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where it stands, in the data folder, while the stack runs.
pub const FILE: &str = "stack.json";
/// The access key of whoever runs the stack, and of the tests: it may do all.
pub const OPERATOR: &str = "admin";
/// What `cargo admin import` ends with where it refused some lines and took the others.
pub const SOME_REFUSED: u8 = 2;

/// What the stack says of itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Running {
    /// The process.
    pub pid: u32,
    /// The address of the pages.
    pub portal: String,
    /// The address of the API without the edge.
    pub api: String,
    /// The address that plays AWS.
    pub aws: String,
    /// The address of the DynamoDB engine behind it.
    pub dynamodb: String,
    /// The address that plays Lambda.
    pub lambda: String,
    /// The AWS region that is played.
    pub region: String,
    /// The name of the stack.
    pub stack: String,
    /// The tables' names, by their logical names.
    pub tables: BTreeMap<String, String>,
    /// The secrets' ARNs, by their logical names.
    pub secrets: BTreeMap<String, String>,
    /// The values of the template's parameters.
    pub parameters: BTreeMap<String, Value>,
}

impl Running {
    /// Reads what a stack wrote.
    pub fn read(file: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    pub(crate) fn write(&self, data: &Data) -> anyhow::Result<()> {
        let text = serde_json::to_vec(self).with_context(|| format!("{FILE} cannot be written"))?;
        data.write_private(FILE, &text)
    }
}

/// The data folder of the stack at this port, where no other is named.
pub fn folder(port: u16) -> io::Result<PathBuf> {
    Ok(machine::workspace()?.join("target/guichet").join(port.to_string()))
}

#[cfg(test)]
mod tests {
    use super::Running;
    use serde_json::json;

    #[test]
    fn other_programs_find_what_they_read_by_these_names() {
        let told = json!({
            "pid": 1, "portal": "http://localhost:3000", "api": "http://127.0.0.1:2", "aws": "http://127.0.0.1:3",
            "dynamodb": "http://127.0.0.1:4", "lambda": "http://127.0.0.1:5", "region": "ca-central-1",
            "stack": "guichet-3000", "tables": {"Tokens": "guichet-3000-Tokens"}, "secrets": {"NamesSecret": "arn:aws:…"},
            "parameters": {"PasswordMinLength": 12, "DeskTimeZone": "America/Toronto"},
        });
        let running: Running = serde_json::from_value(told.clone()).unwrap();
        assert_eq!(serde_json::to_value(running).unwrap(), told);
    }
}
