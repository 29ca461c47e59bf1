//! Key rotation on a running stack, as in Secrets Manager's console.

use crate::portal::{Portal, signal};
use crate::visitor::Visitor;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

impl Portal {
    /// A client that bypasses the edge and sends to the gateway, from the same address as `visitor`.
    #[must_use]
    pub fn bypassing_edge(&self, visitor: &Visitor) -> Visitor {
        visitor.at(self.stack()["api"].as_str().expect("the gateway's address"))
    }

    /// A secret's current value: `id`, `key`, and `previous` during a rotation.
    #[must_use]
    pub fn secret(&self, name: &str) -> Value {
        let text = self.secrets()[name].as_str().expect("a value").to_owned();
        serde_json::from_str(&text).expect("a ring")
    }

    /// Rotates a key; the old one becomes `previous`.
    pub fn rotate(&self, name: &str) {
        let old = self.secret(name);
        let id: u32 = old["id"].as_str().and_then(|id| id.parse().ok()).expect("a number");
        let key = old["key"].as_str().expect("a key").chars().rev().collect::<String>();
        let new = json!({ "id": (id + 1).to_string(), "key": key, "previous": { "id": old["id"], "key": old["key"] } });
        self.set_secret(name, Some(&new));
    }

    /// Removes the previous key, so that it is no longer accepted.
    pub fn retire_previous(&self, name: &str) {
        let mut ring = self.secret(name);
        ring.as_object_mut().expect("a ring").remove("previous");
        self.set_secret(name, Some(&ring));
    }

    /// Sets a secret's value, or makes it unreadable.
    pub fn set_secret(&self, name: &str, ring: Option<&Value>) {
        let mut secrets = self.secrets();
        secrets[name] = ring.map_or(Value::Null, |ring| ring.to_string().into());
        let part = self.secrets_file().with_extension("part");
        std::fs::write(&part, secrets.to_string()).expect("the secrets are written");
        std::fs::set_permissions(&part, std::fs::Permissions::from_mode(0o600)).expect("for their owner alone");
        std::fs::rename(part, self.secrets_file()).expect("the secrets are there");
    }

    fn secrets(&self) -> Value {
        let text = std::fs::read_to_string(self.secrets_file()).expect("the secrets");
        serde_json::from_str(&text).expect("JSON")
    }

    fn secrets_file(&self) -> PathBuf {
        self.setup().data().join("secrets.json")
    }

    /// Kills all instances of a function, and waits for new ones, which have cached nothing.
    pub async fn restart_instances(&self, function: &str) {
        if !self.runs_as_processes() {
            let lambda = self.stack()["lambda"].as_str().expect("the address of Lambda").to_owned();
            let restarted = reqwest::Client::new().post(format!("{lambda}/_local/functions/{function}/restart"));
            assert_eq!(restarted.send().await.expect("a response").status(), 204);
            return;
        }
        let old = self.pids_of(function);
        for pid in &old {
            signal("KILL", *pid);
        }
        let renewed = async || {
            let new = self.pids_of(function);
            (new.len() == old.len() && new.iter().all(|pid| !old.contains(pid))).then_some(())
        };
        self.until("new instances", renewed).await;
    }
}
