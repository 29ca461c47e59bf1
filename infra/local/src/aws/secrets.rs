//! Secrets Manager. Values are generated as the template says, and kept in a private file.

use super::protocol::{self, bad_request};
use crate::data_folder::{DataFolder, SECRETS};
use crate::host;
use anyhow::Context;
use axum::response::Response;
use guichet_cfn::template::SecretDefinition;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const PUNCTUATION: &[u8] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// The secrets. The file is read for each call, so that tests can rotate a key, or make a secret unavailable with
/// `null`.
pub struct SecretStore {
    file: PathBuf,
    definitions: Vec<SecretDefinition>,
}

impl SecretStore {
    /// Generates the values that the file lacks.
    pub fn open(data: &DataFolder, definitions: &[SecretDefinition]) -> anyhow::Result<Self> {
        let file = data.file(SECRETS);
        let mut values: BTreeMap<String, Value> = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged; start with --fresh", file.display()))?,
            Err(_) => BTreeMap::new(),
        };
        for secret in definitions {
            if !values.contains_key(&secret.logical_id) {
                values.insert(secret.logical_id.clone(), generate(secret)?.into());
            }
        }
        data.write_private(SECRETS, json!(values).to_string().as_bytes())?;
        Ok(Self { file, definitions: definitions.to_vec() })
    }

    fn value(&self, logical_id: &str) -> Option<String> {
        let values: Value = serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()?;
        values[logical_id].as_str().map(str::to_owned)
    }

    /// The current key of a secret.
    #[must_use]
    pub fn key(&self, logical_id: &str) -> Option<String> {
        let value: Value = serde_json::from_str(&self.value(logical_id)?).ok()?;
        value["key"].as_str().map(str::to_owned)
    }

    pub(super) fn get_secret_value(&self, body: &[u8]) -> Response {
        let call: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = call["SecretId"].as_str().unwrap_or_default();
        let secret = self.definitions.iter().find(|secret| secret.arn == id || secret.name == id);
        let found = secret.and_then(|secret| Some((secret, self.value(&secret.logical_id)?)));
        let Some((secret, value)) = found else {
            return bad_request("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        };
        protocol::ok(
            &json!({"ARN": secret.arn, "Name": secret.name, "SecretString": value, "VersionStages": ["AWSCURRENT"]}),
        )
    }
}

fn generate(secret: &SecretDefinition) -> anyhow::Result<String> {
    let generator = &secret.generator;
    let mut alphabet = LETTERS_AND_DIGITS.to_vec();
    if !generator.exclude_punctuation {
        alphabet.extend(PUNCTUATION);
    }
    let mut text = String::new();
    while text.len() < generator.password_length {
        let [byte] = host::random_bytes::<1>()?;
        // Larger bytes would favor the first characters.
        if usize::from(byte) < 256 - 256 % alphabet.len() {
            text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
        }
    }
    let mut value: Map<String, Value> =
        serde_json::from_str(&generator.secret_string_template).context("SecretStringTemplate is not a JSON object")?;
    value.insert(generator.key.clone(), text.into());
    Ok(Value::Object(value).to_string())
}

#[cfg(test)]
mod tests {
    use super::{SecretStore, generate};
    use crate::data_folder::DataFolder;
    use axum::body::to_bytes;
    use guichet_cfn::template::SecretDefinition;
    use serde_json::{Value, json};
    use std::os::unix::fs::PermissionsExt;

    fn secret(punctuation: bool) -> SecretDefinition {
        let generator = json!({"SecretStringTemplate": "{\"id\": \"1\"}", "GenerateStringKey": "key", "PasswordLength": 64,
                              "ExcludePunctuation": !punctuation});
        SecretDefinition {
            logical_id: "Names".into(),
            name: "guichet-Names".into(),
            arn: "arn:x:guichet-Names".into(),
            generator: serde_json::from_value(generator).unwrap(),
        }
    }

    #[test]
    fn secret_value_is_generated_from_template() {
        let value: Value = serde_json::from_str(&generate(&secret(false)).unwrap()).unwrap();
        assert_eq!(value["id"], "1");
        let key = value["key"].as_str().unwrap();
        assert!(key.len() == 64 && key.chars().all(|one| one.is_ascii_alphanumeric()), "{key}");
        assert_ne!(generate(&secret(false)).unwrap(), generate(&secret(false)).unwrap());
        assert!(generate(&secret(true)).unwrap().contains(|one: char| "!#$%&()*+,-./;<=>?@[]^_`|~".contains(one)));
    }

    #[tokio::test]
    async fn secret_file_is_private() {
        let folder = std::env::temp_dir().join(format!("guichet-secrets-{}", std::process::id()));
        let data = DataFolder::open(&folder).unwrap();
        let get = async |secrets: SecretStore, id: &str| {
            let answer = secrets.get_secret_value(json!({"SecretId": id}).to_string().as_bytes());
            let (status, body) = (answer.status(), to_bytes(answer.into_body(), 9999).await.unwrap());
            (status.as_u16(), serde_json::from_slice::<Value>(&body).unwrap())
        };
        let (status, first) = get(SecretStore::open(&data, &[secret(false)]).unwrap(), "arn:x:guichet-Names").await;
        let (_, second) = get(SecretStore::open(&data, &[secret(false)]).unwrap(), "guichet-Names").await;
        assert_eq!((status, &first), (200, &second));
        let mode = std::fs::metadata(data.file("secrets.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (status, unknown) = get(SecretStore::open(&data, &[]).unwrap(), "arn:x:guichet-Names").await;
        assert_eq!((status, unknown["__type"].as_str()), (400, Some("ResourceNotFoundException")));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
