//! What the desk can do. Each action is recorded in the audit log before it is done.

use super::{CommandOutput, Desk, DeskError, account};
use crate::store::{AuditEntry, StoredRequest};
use guichet_domain::account::AccountName;
use guichet_domain::mail_request::MailRequest;
use guichet_store::StoreError;
use guichet_store::directory::Entry;
use serde_json::json;

/// The device of a mail request that the desk retries.
const DEVICE: &str = "Centre de services";

#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Retries the requests that need attention.
    Retry,
    /// Revokes sessions, links, and known devices.
    EndSessions,
    /// Clears the limits and the bounce of the address.
    Unblock,
    Deactivate,
    /// Erases everything about the account.
    Forget,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::EndSessions => "end-sessions",
            Self::Unblock => "unblock",
            Self::Deactivate => "deactivate",
            Self::Forget => "forget",
        }
    }
}

impl Desk {
    pub(crate) async fn run_action(
        &self,
        action: Action,
        input: &str,
        dry_run: bool,
    ) -> Result<CommandOutput, DeskError> {
        let account = account(input)?;
        let entry = self.store.directory.entry(&account).await?;
        let record = self.store.password_record(&account).await?;
        let waiting = self.needing_attention(&account).await?;
        let version = record.map_or(0, |record| record.version);
        let exists = match action {
            Action::Retry => !waiting.is_empty(),
            Action::EndSessions | Action::Deactivate => record.is_some(),
            Action::Unblock => entry.is_some(),
            Action::Forget => true,
        };
        let name = account.as_str();
        if !exists {
            let text = match action {
                Action::Retry => self.say(
                    format!("Rien de {name} n’attend un coup de main."),
                    format!("No mail to {name} needs attention."),
                ),
                _ => self.say(format!("Le compte {name} n’existe pas."), format!("There is no account {name}.")),
            };
            return Ok(CommandOutput {
                text,
                json: json!({ "account": account, "action": action.name(), "done": false }),
                found: false,
            });
        }
        if !dry_run {
            self.record(Some(&account), action.name()).await?;
        }
        let did = match action {
            Action::Retry => self.retry(&account, &waiting, dry_run).await?,
            Action::EndSessions => self.end_sessions(&account, version, dry_run).await?,
            Action::Unblock => self.unblock(&account, entry.as_ref(), dry_run).await?,
            Action::Deactivate => self.deactivate(&account, entry, dry_run).await?,
            Action::Forget => self.forget(&account, entry.as_ref(), dry_run).await?,
        };
        let text = if dry_run { format!("{} {did}", self.say("À blanc\u{a0}:", "Dry run:")) } else { did };
        let json = json!({ "account": account, "action": action.name(), "done": !dry_run, "message": text });
        Ok(CommandOutput { text, json, found: true })
    }

    /// Records what is about to be done.
    pub(super) async fn record(&self, account: Option<&AccountName>, action: &str) -> Result<(), StoreError> {
        let entry = AuditEntry { happened_at: self.now, action: action.to_owned(), by: self.caller.clone() };
        self.store.record_action(account.map(|account| self.key(account)).as_ref(), &entry).await
    }

    async fn needing_attention(&self, account: &AccountName) -> Result<Vec<StoredRequest>, StoreError> {
        let mut requests = self.store.requests_of(&self.key(account)).await?;
        requests.retain(StoredRequest::is_on_desk_list);
        Ok(requests)
    }

    /// Of several requests of one kind the newest is retried; the others are acknowledged with it.
    async fn retry(&self, account: &AccountName, waiting: &[StoredRequest], dry: bool) -> Result<String, StoreError> {
        let (mut kinds, mut put) = (Vec::new(), 0);
        for StoredRequest { id, kind, .. } in waiting.iter().rev() {
            let again = (!kinds.contains(kind))
                .then(|| MailRequest::replacing(id, *kind, account.clone(), DEVICE.into(), self.now));
            kinds.push(*kind);
            let goes = dry || self.store.acknowledge(id, again.as_ref()).await?;
            put += usize::from(goes && again.is_some());
        }
        let name = account.as_str();
        Ok(self.say(
            format!("{put} courriel(s) de {name} repart(ent)."),
            format!("{put} mail(s) to {name} will be sent again."),
        ))
    }

    async fn end_sessions(&self, account: &AccountName, version: u64, dry: bool) -> Result<String, StoreError> {
        let open = self.store.sessions.list_active(account, version, self.now).await?.len();
        if !dry {
            self.store.credentials.revoke_all(account, false).await?;
        }
        let name = account.as_str();
        Ok(self.say(
            format!("{open} session(s) de {name} terminée(s) ; ses liens ne valent plus rien. Le mot de passe reste."),
            format!("{open} session(s) of {name} ended and its links revoked. The password stays."),
        ))
    }

    async fn unblock(&self, account: &AccountName, entry: Option<&Entry>, dry: bool) -> Result<String, StoreError> {
        let bounced = entry.is_some_and(|entry| entry.bounced_at.is_some());
        if !dry {
            self.store.delete_counters(&self.counters(account, entry).await?).await?;
            self.store.clear_bounce(account).await?;
        }
        let name = account.as_str();
        let address = if bounced {
            self.say(" Son adresse est de nouveau prise pour bonne.", " Mail to its address is sent again.")
        } else {
            String::new()
        };
        let message = self.say(
            format!("Les essais et les demandes de {name} sont recomptés à partir de zéro."),
            format!("The limits of {name} are reset."),
        );
        Ok(message + &address)
    }

    /// The credentials first: they refuse every sign-in, whatever happens to the rest.
    async fn deactivate(&self, account: &AccountName, entry: Option<Entry>, dry: bool) -> Result<String, StoreError> {
        if !dry {
            self.store.credentials.revoke_all(account, true).await?;
            if let Some(entry) = entry {
                self.store.directory.put(&[Entry { active: false, ..entry }]).await?;
            }
        }
        let name = account.as_str();
        Ok(self.say(
            format!("{name} est désactivé, ses sessions et ses liens sont terminés. L’importation le rouvre si le répertoire le dit encore actif."),
            format!("{name} is deactivated; its sessions and links are revoked. An import reactivates it if the directory still lists it as active."),
        ))
    }

    async fn forget(&self, account: &AccountName, entry: Option<&Entry>, dry: bool) -> Result<String, StoreError> {
        let (name, key) = (account.as_str(), self.key(account));
        if !dry {
            let counters = self.counters(account, entry).await?;
            self.store.erase(account, &key, &counters).await?;
        }
        Ok(self.say(
            format!("Tout ce qui est gardé de {name} est effacé, sauf les gestes du centre de services. Le répertoire de l’organisation doit l’oublier aussi, sinon l’importation le ramène ; les sauvegardes l’oublient en 35 jours, les courriels et les journaux selon leur propre durée."),
            format!("Everything about {name} is erased, except the desk’s audit log. Erase it from the organization’s directory too, or an import brings it back. Backups expire in 35 days; mail and logs have their own retention."),
        ))
    }
}
