//! The file by which other programs find a running local stack.

use crate::workspace;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Its name in the data folder.
pub const FILE: &str = "stack.json";
/// The access key of the stack's owner and of the tests. Its calls are always allowed, and never fail on purpose.
pub const OPERATOR: &str = "admin";

#[derive(Debug, Serialize, Deserialize)]
pub struct StackInfo {
    pub pid: u32,
    /// Base URL of the pages, and of the API behind the edge.
    pub portal: String,
    /// Base URL of the API without the edge.
    pub api: String,
    /// Base URL of the emulated AWS services.
    pub aws: String,
    /// Base URL of the DynamoDB engine behind `aws`.
    pub dynamodb: String,
    /// Base URL of the emulated Lambda API.
    pub lambda: String,
    pub region: String,
    /// Name of the stack.
    pub stack: String,
    /// Physical names by logical id.
    pub tables: BTreeMap<String, String>,
    /// ARNs by logical id.
    pub secrets: BTreeMap<String, String>,
    /// Values of the template's parameters.
    pub parameters: BTreeMap<String, Value>,
}

impl StackInfo {
    pub fn read(file: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }
}

/// The default data folder of the stack on this port.
pub fn data_folder(port: u16) -> io::Result<PathBuf> {
    Ok(workspace::root()?.join("target/guichet").join(port.to_string()))
}

#[cfg(test)]
mod tests {
    use super::StackInfo;
    use serde_json::json;

    #[test]
    fn stack_info_keeps_its_field_names() {
        let json = json!({
            "pid": 1, "portal": "http://localhost:3000", "api": "http://127.0.0.1:2", "aws": "http://127.0.0.1:3",
            "dynamodb": "http://127.0.0.1:4", "lambda": "http://127.0.0.1:5", "region": "ca-central-1",
            "stack": "guichet-3000", "tables": {"Tokens": "guichet-3000-Tokens"}, "secrets": {"PseudonymSecret": "arn:aws:…"},
            "parameters": {"PasswordMinLength": 12, "DeskTimeZone": "America/Toronto"},
        });
        let info: StackInfo = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(info).unwrap(), json);
    }
}
