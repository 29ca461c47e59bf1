//! Events that no user causes: SES delivery events and the directory import.

use super::{FINAL_STATES, Model, entry, text};
use crate::actions::SES_EVENTS;
use crate::world::Fault;
use guichet_domain::time::UnixTime;
use guichet_store::credentials::CredentialStatus;
use serde_json::{Value, json};

impl Model {
    pub(super) async fn ses_event(&mut self, mail: usize, event: usize, fault: Option<&Fault>) {
        let Some(at) = mail.checked_rem(self.emails.len()) else { return };
        let (email, (kind, field)) = (self.emails[at].clone(), SES_EVENTS[event]);
        let (account, request) = &email.request;
        let time = UnixTime(self.world.now().cast_signed()).rfc3339();
        let event = json!({ "source": "aws.ses", "detail": {
            "eventType": kind,
            "mail": { "timestamp": time, "tags": { "account": [account], "request": [request] } },
            field: { "timestamp": time, "bounceType": "Permanent", "bouncedRecipients": [{ "emailAddress": email.to }] },
        } });
        let rank = |model: &Self| {
            let items = model.world.items("MailRequests");
            let is_same = |item: &&Value| {
                text(&item["account_key"]) == account && text(&item["request"]).replace('#', ".") == *request
            };
            let status = items.iter().find(is_same).map(|item| text(&item["status"]).to_owned())?;
            FINAL_STATES.iter().position(|state| *state == status)
        };
        let before = rank(self);
        let completed = self.world.ses_event(fault, event).await;
        self.fault_injected |= completed.fault_injected;
        let after = rank(self);
        assert!(before <= after, "the delivery state went back from {before:?} to {after:?}");
    }

    pub(super) async fn import(&mut self, user: usize, active: bool, fault: Option<&Fault>) {
        let (credentials, directory, entry) = (self.credentials(), self.directory(), entry(user, active));
        let (before, was_active) = (self.users[user].version, self.users[user].active);
        let status = CredentialStatus { version: before, active: was_active };
        let work = async {
            if credentials.sync_from_directory(&entry, status).await.is_ok() {
                drop(directory.put(&[entry]).await);
            }
        };
        let completed = self.world.invoke(fault, work).await;
        self.fault_injected |= completed.fault_injected;
        let stored = self.stored_status(user);
        // A deactivation raises the version, which revokes all links and sessions.
        let expected = (before + u64::from(was_active && !active), active);
        let unchanged = (before, was_active);
        assert!(
            stored == expected || completed.fault_injected && stored == unchanged,
            "the import left {stored:?} instead of {expected:?}"
        );
        let user = &mut self.users[user];
        (user.version, user.active) = stored;
    }
}
