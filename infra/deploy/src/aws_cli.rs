//! The AWS command line, which anyone who deploys has installed and configured.

use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;

#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    #[error("the AWS CLI (`aws`) cannot be started")]
    NotInstalled(#[source] std::io::Error),
    #[error("aws {command}: {message}")]
    Failed {
        command: String,
        /// The last line of its standard error.
        message: String,
    },
}

/// Runs `aws` and parses its JSON output; `null` if there is none.
pub fn aws<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Value, AwsError> {
    let mut command = Command::new("aws");
    command.args(arguments).args(["--output", "json"]);
    let output = command.output().map_err(AwsError::NotInstalled)?;
    if !output.status.success() {
        let invoked = command.get_args().take(2).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
        let message = String::from_utf8_lossy(&output.stderr);
        let message =
            message.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_owned();
        return Err(AwsError::Failed { command: invoked, message });
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

pub struct Deployed {
    pub name: String,
    described: Value,
}

impl Deployed {
    pub fn describe(name: &str) -> Result<Self, AwsError> {
        let described = aws(["cloudformation", "describe-stacks", "--stack-name", name])?;
        Ok(Self { name: name.to_owned(), described: described["Stacks"][0].clone() })
    }

    /// Empty if there is no such output.
    pub fn output(&self, name: &str) -> &str {
        self.pair("Outputs", "OutputKey", "OutputValue", name)
    }

    /// Empty if there is no such parameter.
    pub fn parameter(&self, name: &str) -> &str {
        self.pair("Parameters", "ParameterKey", "ParameterValue", name)
    }

    fn pair(&self, list: &str, key: &str, value: &str, name: &str) -> &str {
        let mut pairs = self.described[list].as_array().into_iter().flatten();
        pairs.find(|pair| pair[key] == name).and_then(|pair| pair[value].as_str()).unwrap_or_default()
    }

    /// Logical and physical ids of the resources of a type.
    pub fn resources(&self, kind: &str) -> Result<Vec<(String, String)>, AwsError> {
        let listed = aws(["cloudformation", "list-stack-resources", "--stack-name", &self.name])?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resources = listed["StackResourceSummaries"].as_array().cloned().unwrap_or_default().into_iter();
        let of_kind = resources.filter(|resource| resource["ResourceType"] == kind);
        Ok(of_kind.map(|it| (text(&it["LogicalResourceId"]), text(&it["PhysicalResourceId"]))).collect())
    }
}
