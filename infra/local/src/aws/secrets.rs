//! Secrets Manager: values made as the template says at the first start, kept in a file for their owner alone.

use super::{JSON, error};
use crate::data::Data;
use crate::machine;
use anyhow::Context;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guichet_cfn::template::SecretDefinition;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

const FILE: &str = "secrets.json";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PUNCTUATION: &[u8] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The secrets. Their values are looked up for each call, so that a key can be rotated while the stack runs, and one
/// whose value is `null` cannot be had.
pub struct Secrets {
    file: PathBuf,
    described: Vec<SecretDefinition>,
}

impl Secrets {
    /// Keeps the values that there are and makes those that are missing.
    pub fn open(data: &Data, described: &[SecretDefinition]) -> anyhow::Result<Self> {
        let file = data.file(FILE);
        let mut values: BTreeMap<String, Value> = match std::fs::read(&file) {
            Ok(kept) => serde_json::from_slice(&kept)
                .with_context(|| format!("{} is damaged; start with --fresh", file.display()))?,
            Err(_) => BTreeMap::new(),
        };
        for secret in described {
            if !values.contains_key(&secret.logical_id) {
                values.insert(secret.logical_id.clone(), generate(secret)?.into());
            }
        }
        data.write_private(FILE, json!(values).to_string().as_bytes())?;
        Ok(Self { file, described: described.to_vec() })
    }

    fn value(&self, logical_id: &str) -> Option<String> {
        let values: Value = serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()?;
        values[logical_id].as_str().map(str::to_owned)
    }

    /// The present key of a secret, as the edge has it.
    #[must_use]
    pub fn key(&self, logical_id: &str) -> Option<String> {
        let value: Value = serde_json::from_str(&self.value(logical_id)?).ok()?;
        value["key"].as_str().map(str::to_owned)
    }

    /// Answers `GetSecretValue`.
    pub(super) fn get(&self, body: &[u8]) -> Response {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = asked["SecretId"].as_str().unwrap_or_default();
        let secret = self.described.iter().find(|secret| secret.arn == id || secret.name == id);
        let found = secret.and_then(|secret| Some((secret, self.value(&secret.logical_id)?)));
        let Some((secret, value)) = found else {
            return error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        };
        let answer =
            json!({"ARN": secret.arn, "Name": secret.name, "SecretString": value, "VersionStages": ["AWSCURRENT"]});
        (StatusCode::OK, [("content-type", JSON)], answer.to_string()).into_response()
    }
}

fn generate(secret: &SecretDefinition) -> anyhow::Result<String> {
    let generate = &secret.generator;
    let mut alphabet = LETTERS_AND_DIGITS.to_vec();
    if !generate.exclude_punctuation {
        alphabet.extend(PUNCTUATION);
    }
    let mut text = String::new();
    while text.len() < generate.password_length {
        let [byte] = machine::random::<1>()?;
        // A byte past the last whole multiple would favour the first characters.
        if usize::from(byte) < 256 - 256 % alphabet.len() {
            text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
        }
    }
    let mut value: Map<String, Value> =
        serde_json::from_str(&generate.secret_string_template).context("SecretStringTemplate is no JSON object")?;
    value.insert(generate.key.clone(), text.into());
    Ok(Value::Object(value).to_string())
}

#[cfg(test)]
mod tests {
    use super::{Secrets, generate};
    use crate::data::Data;
    use axum::body::to_bytes;
    use guichet_cfn::template::SecretDefinition;
    use serde_json::{Value, json};
    use std::os::unix::fs::PermissionsExt;

    fn secret(punctuation: bool) -> SecretDefinition {
        let generate = json!({"SecretStringTemplate": "{\"id\": \"1\"}", "GenerateStringKey": "key", "PasswordLength": 64,
                              "ExcludePunctuation": !punctuation});
        SecretDefinition {
            logical_id: "Names".into(),
            name: "guichet-Names".into(),
            arn: "arn:x:guichet-Names".into(),
            generator: serde_json::from_value(generate).unwrap(),
        }
    }

    #[test]
    fn a_value_is_made_as_the_template_says() {
        let value: Value = serde_json::from_str(&generate(&secret(false)).unwrap()).unwrap();
        assert_eq!(value["id"], "1");
        let key = value["key"].as_str().unwrap();
        assert!(key.len() == 64 && key.chars().all(|one| one.is_ascii_alphanumeric()), "{key}");
        assert_ne!(generate(&secret(false)).unwrap(), generate(&secret(false)).unwrap());
        assert!(generate(&secret(true)).unwrap().contains(|one: char| "!#$%&()*+,-./;<=>?@[]^_`|~".contains(one)));
    }

    #[tokio::test]
    async fn a_value_is_kept_for_its_owner() {
        let folder = std::env::temp_dir().join(format!("guichet-secrets-{}", std::process::id()));
        let data = Data::open(&folder).unwrap();
        let get = async |secrets: Secrets, id: &str| {
            let answer = secrets.get(json!({"SecretId": id}).to_string().as_bytes());
            let (status, body) = (answer.status(), to_bytes(answer.into_body(), 9999).await.unwrap());
            (status.as_u16(), serde_json::from_slice::<Value>(&body).unwrap())
        };
        let (status, first) = get(Secrets::open(&data, &[secret(false)]).unwrap(), "arn:x:guichet-Names").await;
        let (_, second) = get(Secrets::open(&data, &[secret(false)]).unwrap(), "guichet-Names").await;
        assert_eq!((status, &first), (200, &second));
        let mode = std::fs::metadata(data.file("secrets.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (status, unknown) = get(Secrets::open(&data, &[]).unwrap(), "arn:x:guichet-Names").await;
        assert_eq!((status, unknown["__type"].as_str()), (400, Some("ResourceNotFoundException")));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
