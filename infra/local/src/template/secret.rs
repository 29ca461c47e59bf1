//! A secret of the template, and how its first value is made.

use super::evaluate::{Scope, wrong};
use crate::failure::{Failure, OrFail};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A secret of Secrets Manager.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name in Secrets Manager.
    pub name: String,
    /// Its ARN, what `Ref` gives.
    pub arn: String,
    /// How its value is made.
    pub generate: Generate,
}

/// `GenerateSecretString`, with the properties that the template uses; any other is an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Generate {
    /// A JSON object that the generated text is put into.
    pub secret_string_template: String,
    /// Under what key.
    #[serde(rename = "GenerateStringKey")]
    pub key: String,
    /// The number of characters.
    #[serde(default = "default_length")]
    pub password_length: usize,
    /// Letters and digits alone.
    #[serde(default)]
    pub exclude_punctuation: bool,
}

/// Secrets Manager's own default.
const fn default_length() -> usize {
    32
}

/// Reads a secret's properties.
pub fn describe(id: &str, scope: &Scope, properties: &Value, at: &str) -> Result<Secret, Failure> {
    let generate: Generate = serde_json::from_value(properties["GenerateSecretString"].clone())
        .or_fail(|| format!("the template at {at}.GenerateSecretString is not understood here"))?;
    if serde_json::from_str::<Map<String, Value>>(&generate.secret_string_template).is_err() {
        return Err(wrong(at, "SecretStringTemplate must be a JSON object"));
    }
    Ok(Secret { logical_id: id.to_owned(), name: scope.physical_name(id), arn: scope.secret_arn(id), generate })
}
