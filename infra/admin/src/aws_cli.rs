//! AWS, asked through its own command line, which people who deploy have and are signed in with.

use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;

/// AWS could not be asked, or said no.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The program is not there.
    #[error("the AWS CLI (`aws`) cannot be started")]
    NotThere(#[source] std::io::Error),
    /// It ended with an error.
    #[error("aws {asked}: {said}")]
    Refused {
        /// The command.
        asked: String,
        /// The last that it said.
        said: String,
    },
}

/// Runs `aws` with these words, and reads the JSON that it answers; `null` where it says nothing.
pub(crate) fn aws<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Result<Value, AwsError> {
    let mut command = Command::new("aws");
    command.args(words).args(["--output", "json"]);
    let output = command.output().map_err(AwsError::NotThere)?;
    if !output.status.success() {
        let asked = command.get_args().take(2).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
        let said = String::from_utf8_lossy(&output.stderr);
        let said =
            said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_owned();
        return Err(AwsError::Refused { asked, said });
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// A deployed stack: what was given and what came of it.
pub(crate) struct Deployed {
    pub name: String,
    described: Value,
}

impl Deployed {
    pub(crate) fn describe(name: &str) -> Result<Self, AwsError> {
        let described = aws(["cloudformation", "describe-stacks", "--stack-name", name])?;
        Ok(Self { name: name.to_owned(), described: described["Stacks"][0].clone() })
    }

    /// An output; empty where there is none.
    pub(crate) fn output(&self, name: &str) -> &str {
        self.pair("Outputs", "OutputKey", "OutputValue", name)
    }

    /// A parameter's value; empty where there is none.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.pair("Parameters", "ParameterKey", "ParameterValue", name)
    }

    fn pair(&self, list: &str, key: &str, value: &str, name: &str) -> &str {
        let mut pairs = self.described[list].as_array().into_iter().flatten();
        pairs.find(|pair| pair[key] == name).and_then(|pair| pair[value].as_str()).unwrap_or_default()
    }

    /// Logical and physical ids of the resources of a type.
    pub(crate) fn resources(&self, kind: &str) -> Result<Vec<(String, String)>, AwsError> {
        let listed = aws(["cloudformation", "list-stack-resources", "--stack-name", &self.name])?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let resources = listed["StackResourceSummaries"].as_array().cloned().unwrap_or_default().into_iter();
        let of_kind = resources.filter(|resource| resource["ResourceType"] == kind);
        Ok(of_kind.map(|it| (text(&it["LogicalResourceId"]), text(&it["PhysicalResourceId"]))).collect())
    }
}
