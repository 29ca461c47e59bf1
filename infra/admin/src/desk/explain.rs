//! `explain`: why somebody cannot sign in, what to tell them, and the events that led to it.

use super::causes::Severity;
use super::facts::Facts;
use super::{CommandOutput, Desk, DeskError, account};
use crate::store::StoredRequest;
use guichet_domain::event::EventKind;
use guichet_domain::mail_request::{RequestKind, RequestStatus};
use guichet_domain::time::UnixTime;
use serde_json::json;
use std::fmt::Write;

impl Desk {
    pub(crate) async fn explain(&self, input: &str) -> Result<CommandOutput, DeskError> {
        let facts = Box::pin(self.facts(account(input)?)).await?;
        let mut causes = self.causes(&facts);
        // The most severe cause; of several the latest.
        causes.sort_by_key(|cause| (cause.severity, cause.since));
        let Some(cause) = causes.pop() else { unreachable!("there is always a cause") };
        let other_causes: Vec<_> = causes.iter().filter(|other| other.severity == Severity::Blocking).collect();
        let timeline = self.timeline(&facts);

        let mut text = format!("{}\n→ {}\n", cause.message, cause.next);
        for other in &other_causes {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {}", self.say("De plus\u{a0}:", "Besides:"), other.message);
        }
        let _ = writeln!(text, "\n{}", self.identity(&facts));
        let mut day = String::new();
        for (at, message) in &timeline {
            if self.day(*at) != day {
                day = self.day(*at);
                let _ = writeln!(text, "{day}");
            }
            let _ = writeln!(text, "  {:>10}  {message}", self.hour(*at));
        }
        let timeline: Vec<_> =
            timeline.iter().map(|(at, message)| json!({ "at": at.rfc3339(), "message": message })).collect();
        let json = json!({
            "account": facts.account, "cause": cause.code, "message": cause.message, "next": cause.next,
            "besides": other_causes.iter().map(|other| other.code).collect::<Vec<_>>(), "timeline": timeline,
        });
        Ok(CommandOutput { text, json, found: facts.entry.is_some() })
    }

    fn identity(&self, facts: &Facts) -> String {
        let account = facts.account.as_str();
        let Some(entry) = &facts.entry else { return account.to_owned() };
        let email = entry
            .email
            .as_ref()
            .map_or_else(|| self.say("sans courriel", "no mail address"), |it| it.as_str().to_owned());
        let changed = match facts.record.and_then(|record| record.changed_at) {
            Some(at) => {
                self.say(format!("mot de passe changé {}", self.at(at)), format!("password changed {}", self.at(at)))
            }
            None => self.say("jamais de mot de passe", "never had a password"),
        };
        format!("{account}, {}, {email}, {changed}", entry.name.display())
    }

    /// Class and device of the client of an event, if it is known.
    pub(super) fn origin_of(&self, facts: &Facts, kind: EventKind, at: UnixTime) -> String {
        let event = facts.events.iter().find(|event| event.kind == kind && event.happened_at.0.abs_diff(at.0) <= 1);
        event.map_or_else(String::new, |event| {
            format!(" {}, {}", self.place(event.client.client_class), event.client.device)
        })
    }

    pub(super) fn status_text(&self, request: &StoredRequest) -> String {
        let (fr, en) = match request.status {
            RequestStatus::Pending | RequestStatus::Sending if request.is_deferred() => ("retenu", "deferred"),
            RequestStatus::Pending | RequestStatus::Sending => ("pas encore parti", "not sent yet"),
            RequestStatus::NoAccount => ("compte absent du répertoire", "not in the directory"),
            RequestStatus::Inactive => ("compte désactivé", "account deactivated"),
            RequestStatus::NoMailbox => ("aucune adresse au répertoire", "no address in the directory"),
            RequestStatus::SharedMailbox => ("adresse partagée avec un collègue", "address shared with a colleague"),
            RequestStatus::Suppressed => {
                ("pas envoyé : les courriels à cette adresse reviennent", "not sent: mail to the address bounces")
            }
            RequestStatus::Capped => ("pas envoyé : trop de liens aujourd’hui", "not sent: too many links today"),
            RequestStatus::Expired => ("pas parti à temps", "not sent in time"),
            RequestStatus::Failed => ("envoi impossible", "could not be sent"),
            RequestStatus::Sent => ("envoyé", "sent"),
            RequestStatus::Delayed => ("la boîte ne le prend pas encore", "the mailbox does not accept it yet"),
            RequestStatus::Delivered => ("livré", "delivered"),
            RequestStatus::Bounced => ("revenu", "bounced"),
            RequestStatus::Complained => ("signalé comme indésirable", "marked as spam"),
        };
        let why = request.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        self.say(format!("{fr}{why}"), format!("{en}{why}"))
    }

    fn timeline(&self, facts: &Facts) -> Vec<(UnixTime, String)> {
        let mut timeline = Vec::new();
        for request in &facts.requests {
            let (fr, en) = match request.kind {
                RequestKind::Register => ("a demandé un lien (M’inscrire au service)", "requested a link (Register)"),
                RequestKind::RequestReset => {
                    ("a demandé un lien (Mot de passe oublié ?)", "requested a link (Forgot your password?)")
                }
                RequestKind::Notice => {
                    ("avis de changement du mot de passe à envoyer", "notice of the password change to send")
                }
            };
            let asked =
                format!("{}, {}, {}", self.say(fr, en), self.place(request.client.client_class), request.client.device);
            timeline.push((request.created_at, asked));
            let mail = self.say("courriel", "mail");
            if let Some(at) =
                request.ended_at.filter(|_| !matches!(request.status, RequestStatus::Pending | RequestStatus::Sending))
            {
                let out = request.delivery_updated_at.is_some() && request.status != RequestStatus::Failed;
                let message = if out { self.say("envoyé", "sent") } else { self.status_text(request) };
                timeline.push((at, format!("{mail} : {message}")));
            }
            if let Some(at) = request.delivery_updated_at.filter(|_| request.status != RequestStatus::Sent) {
                timeline.push((at, format!("{mail} : {}", self.status_text(request))));
            }
        }
        for event in &facts.events {
            let (fr, en) = match event.kind {
                // Shown with the request.
                EventKind::LinkMailed => continue,
                EventKind::PasswordSet => ("mot de passe choisi par le lien", "password chosen through the link"),
                EventKind::PasswordChanged => ("mot de passe changé", "password changed"),
                EventKind::SignedIn => ("connexion réussie", "signed in"),
                EventKind::SignInRefused => ("mot de passe refusé", "password refused"),
                EventKind::SignedOut => ("déconnexion", "signed out"),
                EventKind::SessionsEnded => ("sessions terminées", "sessions ended"),
            };
            let message =
                format!("{}, {}, {}", self.say(fr, en), self.place(event.client.client_class), event.client.device);
            timeline.push((event.happened_at, message));
        }
        for link in facts.links.iter().filter(|link| link.used_at.is_none() && link.expires_at <= self.now) {
            timeline.push((link.expires_at, self.say("le lien a expiré", "the link expired")));
        }
        for action in &facts.actions {
            let desk = self.say("centre de services", "desk");
            timeline.push((action.happened_at, format!("{desk} : {}, {}", action.action, action.by)));
        }
        timeline.sort_by_key(|(at, _)| *at);
        timeline
    }
}
