//! What happens behind people's backs: SES tells of their mails, the directory is imported.

use super::{ENDS, Play, entry, text};
use crate::steps::TOLD;
use crate::world::Fault;
use guichet_domain::time::UnixTime;
use guichet_store::credentials::CredentialStatus;
use serde_json::{Value, json};

impl Play {
    pub(super) async fn tell(&mut self, mail: usize, what: usize, fault: Option<&Fault>) {
        let Some(at) = mail.checked_rem(self.mails.len()) else { return };
        let (mail, (kind, about)) = (self.mails[at].clone(), TOLD[what]);
        let time = UnixTime(self.world.now().cast_signed()).rfc3339();
        let event = json!({ "source": "aws.ses", "detail": {
            "eventType": kind,
            "mail": { "timestamp": time, "tags": { "account": [mail.request.0], "request": [mail.request.1] } },
            about: { "timestamp": time, "bounceType": "Permanent", "bouncedRecipients": [{ "emailAddress": mail.to }] },
        } });
        let rank = |status: &str| ENDS.iter().position(|end| *end == status);
        let status = |play: &Self| {
            let items = play.world.items("MailRequests");
            let of = |item: &&Value| {
                text(&item["account_key"]) == mail.request.0
                    && text(&item["request"]).replace('#', ".") == mail.request.1
            };
            items.iter().find(of).map(|item| text(&item["status"]).to_owned())
        };
        let before = status(self);
        let came = self.world.tell(fault, event).await;
        self.harmed |= came.fired;
        let after = status(self);
        assert!(
            before.as_deref().and_then(rank) <= after.as_deref().and_then(rank),
            "what is known goes back: {before:?}, {after:?}"
        );
    }

    pub(super) async fn import(&mut self, who: usize, active: bool, fault: Option<&Fault>) {
        let (credentials, directory, entry) = (self.credentials(), self.directory(), entry(who, active));
        let (version, was) = (self.people[who].version, self.people[who].active);
        let deactivated = was && !active;
        let came = self
            .world
            .invoke(fault, async {
                if credentials.sync_from_directory(&entry, CredentialStatus { version, active: was }).await.is_ok() {
                    drop(directory.put(&[entry]).await);
                }
            })
            .await;
        self.harmed |= came.fired;
        let (version, is_active) = self.standing(who);
        let person = &mut self.people[who];
        let (before, raise) = (person.version, u64::from(deactivated));
        if came.fired {
            assert!((before..=before + raise).contains(&version), "{before} to {version}");
            assert!(is_active == active || (is_active == person.active && version == before), "half of an import");
        } else {
            assert_eq!((version, is_active), (before + raise, active), "an import");
        }
        (person.version, person.active) = (version, is_active);
    }
}
