//! What the desk looks for: people, accounts that are not as they should be, mails that need a hand, what was done.

use super::{Desk, DeskError, Told};
use clap::ValueEnum;
use guichet_core::account::AccountName;
use guichet_core::keys::AccountKey;
use guichet_core::person::fold;
use guichet_core::store::directory::Entry;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// Which accounts.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum List {
    /// Those that no mail can be sent to.
    WithoutMailbox,
    /// Those whose address a colleague has, too.
    SharedMailbox,
    /// Those from whose address mails came back.
    Bounced,
}

impl Desk {
    /// The people whose account, name or mail address has this text in it.
    pub(crate) async fn find(&self, text: &str) -> Result<Told, DeskError> {
        let (words, folded): (String, Vec<_>) = (text.to_lowercase(), text.split_whitespace().map(fold).collect());
        let mut found = self.directory.all().await?;
        found.retain(|entry| {
            let name = fold(&entry.name.display());
            let of_name = !folded.is_empty() && folded.iter().all(|word| name.contains(word));
            let email = entry.email.as_ref().is_some_and(|email| email.as_str().contains(words.trim()));
            of_name || email || entry.account.as_str().contains(words.trim())
        });
        Ok(self.people(found))
    }

    /// The active accounts that are not as they should be.
    pub(crate) async fn accounts(&self, list: List) -> Result<Told, DeskError> {
        let mut found = self.directory.all().await?;
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

    fn people(&self, mut found: Vec<Entry>) -> Told {
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
                    format!("mails come back since {}", self.day(at)),
                ));
            }
            let marks = if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join(", ")) };
            // A string takes all that is written.
            let _ = writeln!(text, "{:<20} {:<30} {email}{marks}", entry.account.as_str(), entry.name.display());
        }
        let _ = writeln!(text, "{}", self.count(found.len()));
        Told { text, json: json!({ "accounts": found }), found: !found.is_empty() }
    }

    /// The mails that need a hand, those of longest ago first.
    pub(crate) async fn failed(&self) -> Result<Told, DeskError> {
        let requests = self.mail_requests.at_the_desk().await?;
        let whose = self.names_by_key().await?;
        let (mut text, mut list) = (String::new(), Vec::new());
        for request in &requests {
            let id = request.as_ref().map_or_else(|id| id, |kept| &kept.id);
            let account = whose.get(&id.name_key).map_or("?", AccountName::as_str);
            let Ok(kept) = request else {
                let _ = writeln!(text, "{account:<20} {} : {}", id.brief(), self.say("illisible", "unreadable"));
                list.push(json!({ "account": whose.get(&id.name_key), "request": id.brief(), "status": "failed", "reason": "unreadable" }));
                continue;
            };
            let (asked, standing) = (self.at(kept.created_at), self.standing(kept));
            let _ = writeln!(text, "{account:<20} {:<13} {asked} : {standing}", kept.kind.as_str());
            list.push(json!({
                "account": whose.get(&id.name_key), "request": id.brief(), "kind": kept.kind, "status": kept.status,
                "reason": kept.reason, "asked_at": kept.created_at.rfc3339(),
            }));
        }
        let _ = writeln!(text, "{}", self.count(requests.len()));
        Ok(Told { text, json: json!({ "failed": list }), found: !list.is_empty() })
    }

    /// The accounts that have a mail which needs a hand.
    pub(crate) async fn to_retry(&self) -> Result<Vec<AccountName>, DeskError> {
        let whose = self.names_by_key().await?;
        let requests = self.mail_requests.at_the_desk().await?.into_iter();
        let keys = requests.map(|request| request.map_or_else(|id| id.name_key, |kept| kept.id.name_key));
        let mut accounts: Vec<_> = keys.filter_map(|key| whose.get(&key).cloned()).collect();
        accounts.sort();
        accounts.dedup();
        Ok(accounts)
    }

    /// All that happened and all that was done between two days, both included, a line of JSON each, oldest first.
    pub(crate) async fn export_audit(&self, since: Option<&str>, until: Option<&str>) -> Result<Told, DeskError> {
        for day in [since, until].into_iter().flatten() {
            if jiff::civil::Date::strptime("%Y-%m-%d", day).is_err() {
                return Err(DeskError::NoDay(day.to_owned()));
            }
        }
        let whose = self.names_by_key().await?;
        let mut lines = Vec::new();
        for (key, noted) in self.events.all().await? {
            let at = noted.happened_at();
            let day = self.day(at);
            if since.is_some_and(|since| *day < *since) || until.is_some_and(|until| *day > *until) {
                continue;
            }
            let mut line = json!(noted);
            line["at"] = at.rfc3339().into();
            if let Some(fields) = line.as_object_mut() {
                fields.remove("happened_at");
            }
            line["account"] = json!(key.as_ref().and_then(|key| whose.get(key)));
            line["account_key"] = json!(key);
            lines.push((at, line));
        }
        // What is taken out of the house is itself written down.
        self.note(None, "export-audit").await?;
        lines.sort_by_key(|(at, _)| *at);
        let lines: Vec<Value> = lines.into_iter().map(|(_, line)| line).collect();
        let text = lines.iter().fold(String::new(), |text, line| format!("{text}{line}\n"));
        Ok(Told { text, json: json!(lines), found: true })
    }

    async fn names_by_key(&self) -> Result<HashMap<AccountKey, AccountName>, DeskError> {
        let all = self.directory.all().await?.into_iter();
        Ok(all.map(|entry| (self.key(&entry.account), entry.account)).collect())
    }

    fn count(&self, count: usize) -> String {
        match count {
            0 => self.say("aucun", "none"),
            some => some.to_string(),
        }
    }
}
