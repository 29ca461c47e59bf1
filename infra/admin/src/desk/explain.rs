//! Why somebody does not get in: the true cause in the first line, what to tell the person, and all that led to it.

use super::causes::Weight;
use super::{Desk, DeskError, Told, account};
use guichet_core::account::AccountName;
use guichet_core::clock::UnixTime;
use guichet_core::keys::AccountKey;
use guichet_core::store::desk::{Act, Hindrance, Kept, Link, Record};
use guichet_core::store::directory::Entry;
use guichet_core::store::events::{Event, What};
use guichet_core::store::mail_request::{Kind, Status};
use serde_json::json;
use std::fmt::Write;

/// All that is kept of an account.
pub(super) struct Known {
    pub(super) account: AccountName,
    pub(super) entry: Option<Entry>,
    pub(super) record: Option<Record>,
    /// Who else has the same mail address.
    pub(super) sharing: Vec<String>,
    pub(super) requests: Vec<Kept>,
    pub(super) links: Vec<Link>,
    pub(super) events: Vec<Event>,
    pub(super) acts: Vec<Act>,
    pub(super) hindrances: Vec<Hindrance>,
}

impl Desk {
    /// What is the matter with an account, and how it came to be.
    pub(crate) async fn explain(&self, typed: &str) -> Result<Told, DeskError> {
        let known = Box::pin(self.known(account(typed)?)).await?;
        let mut causes = self.causes(&known);
        // What stands in the way most; of several the latest.
        causes.sort_by_key(|cause| (cause.weight, cause.since));
        let Some(cause) = causes.pop() else { unreachable!("something is always the matter") };
        let besides: Vec<_> = causes.iter().filter(|other| other.weight == Weight::Obstacle).collect();
        let timeline = self.timeline(&known);

        let mut text = format!("{}\n→ {}\n", cause.said, cause.next);
        for other in &besides {
            // A string takes all that is written.
            let _ = writeln!(text, "{} {}", self.say("De plus\u{a0}:", "Besides:"), other.said);
        }
        let _ = writeln!(text, "\n{}", self.who_it_is(&known));
        let mut day = String::new();
        for (at, said) in &timeline {
            if self.day(*at) != day {
                day = self.day(*at);
                let _ = writeln!(text, "{day}");
            }
            let _ = writeln!(text, "  {:>10}  {said}", self.hour(*at));
        }
        let timeline: Vec<_> = timeline.iter().map(|(at, said)| json!({ "at": at.rfc3339(), "said": said })).collect();
        let json = json!({
            "account": known.account, "cause": cause.code, "said": cause.said, "next": cause.next,
            "besides": besides.iter().map(|other| other.code).collect::<Vec<_>>(), "timeline": timeline,
        });
        Ok(Told { text, json, found: known.entry.is_some() })
    }

    async fn known(&self, account: AccountName) -> Result<Known, DeskError> {
        let key: AccountKey = self.key(&account);
        let (entry, record, requests, links, mut events, acts) = futures_util::try_join!(
            self.directory.entry(&account),
            self.credentials.record(&account),
            self.mail_requests.of(&key),
            self.tokens.of(&account),
            self.events.latest(&key, self.now),
            self.events.acts_on(&key),
        )?;
        events.reverse();
        let counters = self.counters(&account, entry.as_ref()).await?;
        let hindrances = self.throttles.hindrances(&counters, self.min_length, self.now).await?;
        let address = entry.as_ref().filter(|entry| entry.shared_mailbox).and_then(|entry| entry.email.as_ref());
        let sharing = match address {
            Some(address) => self.directory.accounts_with(address).await?,
            None => Vec::new(),
        };
        let sharing = sharing.into_iter().map(|found| found.account).filter(|other| *other != account);
        let sharing = sharing.map(|other| other.as_str().to_owned()).collect();
        Ok(Known { account, entry, record, sharing, requests, links, events, acts, hindrances })
    }

    fn who_it_is(&self, known: &Known) -> String {
        let account = known.account.as_str();
        let Some(entry) = &known.entry else { return account.to_owned() };
        let email = entry
            .email
            .as_ref()
            .map_or_else(|| self.say("sans courriel", "no mail address"), |it| it.as_str().to_owned());
        let changed = match known.record.and_then(|record| record.changed_at) {
            Some(at) => {
                self.say(format!("mot de passe changé {}", self.at(at)), format!("password changed {}", self.at(at)))
            }
            None => self.say("jamais de mot de passe", "never had a password"),
        };
        format!("{account}, {}, {email}, {changed}", entry.name.display())
    }

    /// From where something was done, where it is told.
    pub(super) fn from(&self, known: &Known, what: What, at: UnixTime) -> String {
        let event = known.events.iter().find(|event| event.what == what && event.happened_at.0.abs_diff(at.0) <= 1);
        event.map_or_else(String::new, |event| {
            format!(" {}, {}", self.place(event.origin.client_class), event.origin.device)
        })
    }

    /// How a request stands, in a word.
    pub(super) fn standing(&self, request: &Kept) -> String {
        let (fr, en) = match request.status {
            Status::Pending | Status::Sending if request.is_held() => ("retenu", "held"),
            Status::Pending | Status::Sending => ("pas encore parti", "not out yet"),
            Status::NoAccount => ("compte absent du répertoire", "not in the directory"),
            Status::Inactive => ("compte désactivé", "account deactivated"),
            Status::NoMailbox => ("aucune adresse au répertoire", "no address in the directory"),
            Status::SharedMailbox => ("adresse partagée avec un collègue", "address shared with a colleague"),
            Status::Suppressed => {
                ("pas envoyé : les courriels à cette adresse reviennent", "not sent: mails to the address come back")
            }
            Status::Capped => ("pas envoyé : trop de liens aujourd’hui", "not sent: too many links today"),
            Status::Expired => ("pas parti à temps", "not out in time"),
            Status::Failed => ("envoi impossible", "could not be sent"),
            Status::Sent => ("envoyé", "sent"),
            Status::Delayed => ("la boîte ne le prend pas encore", "the mailbox does not take it yet"),
            Status::Delivered => ("livré", "delivered"),
            Status::Bounced => ("revenu", "came back"),
            Status::Complained => ("signalé comme indésirable", "called unwanted"),
        };
        let why = request.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        self.say(format!("{fr}{why}"), format!("{en}{why}"))
    }

    fn timeline(&self, known: &Known) -> Vec<(UnixTime, String)> {
        let mut timeline = Vec::new();
        for request in &known.requests {
            let (fr, en) = match request.kind {
                Kind::Register => ("a demandé un lien (M’inscrire au service)", "asked for a link (Register)"),
                Kind::RequestReset => {
                    ("a demandé un lien (Mot de passe oublié ?)", "asked for a link (Forgot your password?)")
                }
                Kind::Notice => {
                    ("avis de changement du mot de passe à envoyer", "notice of the password’s change to be sent")
                }
            };
            let asked = format!("{}, {}, {}", self.say(fr, en), self.place(request.client_class), request.device);
            timeline.push((request.created_at, asked));
            let mail = self.say("courriel", "mail");
            if let Some(at) = request.ended_at.filter(|_| !matches!(request.status, Status::Pending | Status::Sending))
            {
                let out = request.delivery_updated_at.is_some() && request.status != Status::Failed;
                let said = if out { self.say("envoyé", "sent") } else { self.standing(request) };
                timeline.push((at, format!("{mail} : {said}")));
            }
            if let Some(at) = request.delivery_updated_at.filter(|_| request.status != Status::Sent) {
                timeline.push((at, format!("{mail} : {}", self.standing(request))));
            }
        }
        for event in &known.events {
            let (fr, en) = match event.what {
                // The request says it.
                What::LinkMailed => continue,
                What::PasswordSet => ("mot de passe choisi par le lien", "password chosen through the link"),
                What::PasswordChanged => ("mot de passe changé", "password changed"),
                What::SignedIn => ("connexion réussie", "signed in"),
                What::SignInRefused => ("mot de passe refusé", "password refused"),
                What::SignedOut => ("déconnexion", "signed out"),
                What::SessionsEnded => ("sessions terminées", "sessions ended"),
            };
            let said =
                format!("{}, {}, {}", self.say(fr, en), self.place(event.origin.client_class), event.origin.device);
            timeline.push((event.happened_at, said));
        }
        for link in known.links.iter().filter(|link| link.used_at.is_none() && link.expires_at <= self.now) {
            timeline.push((link.expires_at, self.say("le lien a expiré", "the link expired")));
        }
        for act in &known.acts {
            let desk = self.say("centre de services", "desk");
            timeline.push((act.happened_at, format!("{desk} : {}, {}", act.act, act.by)));
        }
        timeline.sort_by_key(|(at, _)| *at);
        timeline
    }
}
