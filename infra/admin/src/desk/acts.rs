//! What the desk can do. Each is written down before it is done: who, what, when, to whom.

use super::{Desk, DeskError, Told, account};
use guichet_core::account::AccountName;
use guichet_core::store::StoreError;
use guichet_core::store::desk::{Act as Noted, Kept};
use guichet_core::store::directory::Entry;
use guichet_core::store::mail_request::MailRequest;
use serde_json::json;

/// From where a mail was asked for that the desk sends again.
const DEVICE: &str = "Centre de services";

/// What is done to one account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Sends again what needs a hand.
    Retry,
    /// Ends all sessions and links, and makes strangers of the devices that it knows.
    EndSessions,
    /// Lifts what was counted against it, and takes its address for a good one again.
    Unblock,
    /// Lets nobody in, and sends no mail.
    Deactivate,
    /// Takes out all that is kept of it.
    Forget,
}

impl Act {
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
    /// Does it, or only says what it would do.
    pub(crate) async fn act(&self, act: Act, typed: &str, dry_run: bool) -> Result<Told, DeskError> {
        let account = account(typed)?;
        let entry = self.directory.entry(&account).await?;
        let record = self.credentials.record(&account).await?;
        let waiting = self.needing_a_hand(&account).await?;
        let version = record.map_or(0, |record| record.version);
        let is_there = match act {
            Act::Retry => !waiting.is_empty(),
            Act::EndSessions | Act::Deactivate => record.is_some(),
            Act::Unblock => entry.is_some(),
            Act::Forget => true,
        };
        let name = account.as_str();
        if !is_there {
            let text = match act {
                Act::Retry => self.say(
                    format!("Rien de {name} n’attend un coup de main."),
                    format!("Nothing of {name} needs a hand."),
                ),
                _ => self.say(format!("Le compte {name} n’existe pas."), format!("There is no account {name}.")),
            };
            return Ok(Told {
                text,
                json: json!({ "account": account, "act": act.name(), "done": false }),
                found: false,
            });
        }
        if !dry_run {
            self.note(Some(&account), act.name()).await?;
        }
        let did = match act {
            Act::Retry => self.retry(&account, &waiting, dry_run).await?,
            Act::EndSessions => self.end_sessions(&account, version, dry_run).await?,
            Act::Unblock => self.unblock(&account, entry.as_ref(), dry_run).await?,
            Act::Deactivate => self.deactivate(&account, entry, dry_run).await?,
            Act::Forget => self.forget(&account, entry.as_ref(), dry_run).await?,
        };
        let text = if dry_run { format!("{} {did}", self.say("À blanc\u{a0}:", "Dry run:")) } else { did };
        let json = json!({ "account": account, "act": act.name(), "done": !dry_run, "said": text });
        Ok(Told { text, json, found: true })
    }

    /// Writes down what is about to be done.
    pub(super) async fn note(&self, account: Option<&AccountName>, act: &str) -> Result<(), StoreError> {
        let act = Noted { happened_at: self.now, act: act.to_owned(), by: self.who.clone() };
        self.events.note_act(account.map(|account| self.key(account)).as_ref(), &act).await
    }

    async fn needing_a_hand(&self, account: &AccountName) -> Result<Vec<Kept>, StoreError> {
        let mut requests = self.mail_requests.of(&self.key(account)).await?;
        requests.retain(Kept::is_at_the_desk);
        Ok(requests)
    }

    /// Of several requests of one kind the newest is put again; the others come off the list with it.
    async fn retry(&self, account: &AccountName, waiting: &[Kept], dry: bool) -> Result<String, StoreError> {
        let (mut kinds, mut put) = (Vec::new(), 0);
        for Kept { id, kind, .. } in waiting.iter().rev() {
            let again = (!kinds.contains(kind))
                .then(|| MailRequest::instead_of(id, *kind, account.clone(), DEVICE.into(), self.now));
            kinds.push(*kind);
            let goes = dry || self.mail_requests.take_up(id, again.as_ref()).await?;
            put += usize::from(goes && again.is_some());
        }
        let name = account.as_str();
        Ok(self
            .say(format!("{put} courriel(s) de {name} repart(ent)."), format!("{put} mail(s) to {name} go out again.")))
    }

    async fn end_sessions(&self, account: &AccountName, version: u64, dry: bool) -> Result<String, StoreError> {
        let open = self.sessions.open(account, version, self.now).await?.len();
        if !dry {
            self.credentials.end_all(account, false).await?;
        }
        let name = account.as_str();
        Ok(self.say(
            format!("{open} session(s) de {name} terminée(s) ; ses liens ne valent plus rien. Le mot de passe reste."),
            format!("{open} session(s) of {name} ended; its links are good for nothing any more. The password stays."),
        ))
    }

    async fn unblock(&self, account: &AccountName, entry: Option<&Entry>, dry: bool) -> Result<String, StoreError> {
        let bounced = entry.is_some_and(|entry| entry.bounced_at.is_some());
        if !dry {
            self.throttles.take_out(&self.counters(account, entry).await?).await?;
            self.directory.forget_bounce(account).await?;
        }
        let name = account.as_str();
        let address = if bounced {
            self.say(" Son adresse est de nouveau prise pour bonne.", " Its address is taken for good again.")
        } else {
            String::new()
        };
        let said = self.say(
            format!("Les essais et les demandes de {name} sont recomptés à partir de zéro."),
            format!("Tries and requests of {name} are counted from zero again."),
        );
        Ok(said + &address)
    }

    /// The credentials first: they let nobody in from then on, whatever becomes of the rest.
    async fn deactivate(&self, account: &AccountName, entry: Option<Entry>, dry: bool) -> Result<String, StoreError> {
        if !dry {
            self.credentials.end_all(account, true).await?;
            if let Some(entry) = entry {
                self.directory.put(&[Entry { active: false, ..entry }]).await?;
            }
        }
        let name = account.as_str();
        Ok(self.say(
            format!("{name} est désactivé, ses sessions et ses liens sont terminés. L’importation le rouvre si le répertoire le dit encore actif."),
            format!("{name} is deactivated, its sessions and links are ended. An import opens it again where the directory still calls it active."),
        ))
    }

    /// What lets somebody in goes first; what tells that they were there, last.
    async fn forget(&self, account: &AccountName, entry: Option<&Entry>, dry: bool) -> Result<String, StoreError> {
        let (name, key) = (account.as_str(), self.key(account));
        if !dry {
            let counters = self.counters(account, entry).await?;
            self.credentials.take_out(account).await?;
            self.sessions.take_out(account).await?;
            self.tokens.take_out(account).await?;
            self.devices.take_out(account).await?;
            self.throttles.take_out(&counters).await?;
            self.mail_requests.take_out(&key).await?;
            self.events.take_out(&key).await?;
            self.directory.take_out(account).await?;
        }
        Ok(self.say(
            format!("Tout ce qui est gardé de {name} est effacé, sauf les gestes du centre de services. Le répertoire de l’organisation doit l’oublier aussi, sinon l’importation le ramène ; les sauvegardes l’oublient en 35 jours, les courriels et les journaux selon leur propre durée."),
            format!("All that is kept of {name} is taken out, but for the acts of the desk. The organisation’s directory must forget it too, or an import brings it back; back-ups forget it in 35 days, mails and logs in their own time."),
        ))
    }
}
