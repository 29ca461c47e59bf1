//! Lists: people, accounts with a problem, requests that need attention, and the audit log.

use super::{CommandOutput, Desk, DeskError};
use crate::store::all_entries;
use clap::ValueEnum;
use guichet_domain::account::AccountName;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::person::fold;
use guichet_store::directory::Entry;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum List {
    /// Without an email address.
    WithoutMailbox,
    /// With an address that another active account has too.
    SharedMailbox,
    /// With an address whose mail bounced.
    Bounced,
}

impl Desk {
    /// People whose account, name, or email address contains this text.
    pub(crate) async fn find(&self, text: &str) -> Result<CommandOutput, DeskError> {
        let (words, folded): (String, Vec<_>) = (text.to_lowercase(), text.split_whitespace().map(fold).collect());
        let mut found = all_entries(&self.store.directory).await?;
        found.retain(|entry| {
            let name = fold(&entry.name.display());
            let of_name = !folded.is_empty() && folded.iter().all(|word| name.contains(word));
            let email = entry.email.as_ref().is_some_and(|email| email.as_str().contains(words.trim()));
            of_name || email || entry.account.as_str().contains(words.trim())
        });
        Ok(self.people(found))
    }

    /// The active accounts that are not as they should be.
    pub(crate) async fn accounts(&self, list: List) -> Result<CommandOutput, DeskError> {
        let mut found = all_entries(&self.store.directory).await?;
        found.retain(|entry| {
            entry.active
                && match list {
                    List::WithoutMailbox => entry.email.is_none(),
                    List::SharedMailbox => entry.shared_mailbox,
                    List::Bounced => entry.bounced_at.is_some(),
                }
        });
        Ok(self.people(found))
    }

    fn people(&self, mut found: Vec<Entry>) -> CommandOutput {
        found.sort_by(|one, other| one.account.cmp(&other.account));
        let mut text = String::new();
        for entry in &found {
            let email = entry.email.as_ref().map_or("—", |email| email.as_str());
            let mut marks = Vec::new();
            if !entry.active {
                marks.push(self.say("désactivé", "deactivated"));
            }
            if entry.shared_mailbox {
                marks.push(self.say("adresse partagée", "shared address"));
            }
            if let Some(at) = entry.bounced_at {
                marks.push(self.say(
                    format!("les courriels reviennent depuis le {}", self.day(at)),
                    format!("mail bounces since {}", self.day(at)),
                ));
            }
            let marks = if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join(", ")) };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<20} {:<30} {email}{marks}", entry.account.as_str(), entry.name.display());
        }
        let _ = writeln!(text, "{}", self.count(found.len()));
        CommandOutput { text, json: json!({ "accounts": found }), found: !found.is_empty() }
    }

    /// The requests that need attention, oldest first.
    pub(crate) async fn failed(&self) -> Result<CommandOutput, DeskError> {
        let requests = self.store.list_failed().await?;
        let accounts_by_key = self.accounts_by_key().await?;
        let (mut text, mut list) = (String::new(), Vec::new());
        for request in &requests {
            let id = request.as_ref().map_or_else(|id| id, |request| &request.id);
            let account = accounts_by_key.get(&id.account_key).map_or("?", AccountName::as_str);
            let Ok(stored) = request else {
                let _ = writeln!(text, "{account:<20} {} : {}", id.log_id(), self.say("illisible", "unreadable"));
                list.push(json!({ "account": accounts_by_key.get(&id.account_key), "request": id.log_id(), "status": "failed", "reason": "unreadable" }));
                continue;
            };
            let (asked, status) = (self.at(stored.created_at), self.status_text(stored));
            let _ = writeln!(text, "{account:<20} {:<13} {asked} : {status}", stored.kind.as_str());
            list.push(json!({
                "account": accounts_by_key.get(&id.account_key), "request": id.log_id(), "kind": stored.kind, "status": stored.status,
                "reason": stored.reason, "asked_at": stored.created_at.rfc3339(),
            }));
        }
        let _ = writeln!(text, "{}", self.count(requests.len()));
        Ok(CommandOutput { text, json: json!({ "failed": list }), found: !list.is_empty() })
    }

    /// The accounts with a request that needs attention.
    pub(crate) async fn to_retry(&self) -> Result<Vec<AccountName>, DeskError> {
        let accounts_by_key = self.accounts_by_key().await?;
        let requests = self.store.list_failed().await?.into_iter();
        let keys = requests.map(|request| request.map_or_else(|id| id.account_key, |stored| stored.id.account_key));
        let mut accounts: Vec<_> = keys.filter_map(|key| accounts_by_key.get(&key).cloned()).collect();
        accounts.sort();
        accounts.dedup();
        Ok(accounts)
    }

    /// Events and audit log between two days, both included; one line of JSON each, oldest first.
    pub(crate) async fn export_audit(
        &self,
        since: Option<&str>,
        until: Option<&str>,
    ) -> Result<CommandOutput, DeskError> {
        for day in [since, until].into_iter().flatten() {
            if jiff::civil::Date::strptime("%Y-%m-%d", day).is_err() {
                return Err(DeskError::InvalidDate(day.to_owned()));
            }
        }
        let accounts_by_key = self.accounts_by_key().await?;
        let mut lines = Vec::new();
        for (key, record) in self.store.audit_log().await? {
            let at = record.happened_at();
            let day = self.day(at);
            if since.is_some_and(|since| *day < *since) || until.is_some_and(|until| *day > *until) {
                continue;
            }
            let mut line = json!(record);
            line["at"] = at.rfc3339().into();
            if let Some(fields) = line.as_object_mut() {
                fields.remove("happened_at");
            }
            line["account"] = json!(key.as_ref().and_then(|key| accounts_by_key.get(key)));
            line["account_key"] = json!(key);
            lines.push((at, line));
        }
        // The export itself is recorded.
        self.record(None, "export-audit").await?;
        lines.sort_by_key(|(at, _)| *at);
        let lines: Vec<Value> = lines.into_iter().map(|(_, line)| line).collect();
        let text = lines.iter().fold(String::new(), |text, line| format!("{text}{line}\n"));
        Ok(CommandOutput { text, json: json!(lines), found: true })
    }

    async fn accounts_by_key(&self) -> Result<HashMap<AccountPseudonym, AccountName>, DeskError> {
        let all = all_entries(&self.store.directory).await?.into_iter();
        Ok(all.map(|entry| (self.key(&entry.account), entry.account)).collect())
    }

    fn count(&self, count: usize) -> String {
        match count {
            0 => self.say("aucun", "none"),
            some => some.to_string(),
        }
    }
}
