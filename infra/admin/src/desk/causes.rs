//! The possible causes, each with its severity and what to tell the person.

use super::Desk;
use super::facts::Facts;
use crate::store::{ActiveLimit, StoredRequest};
use guichet_domain::attempt_limits::LOCKED_RETRY_AFTER;
use guichet_domain::client::ClientClass;
use guichet_domain::event::{Event, EventKind};
use guichet_domain::mail_request::{RequestKind, RequestStatus};
use guichet_domain::time::UnixTime;
use guichet_store::directory::Entry;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Nothing is wrong.
    None,
    /// The person can go on.
    Info,
    /// The person cannot sign in before it is resolved.
    Blocking,
}

pub(super) struct Cause {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) since: UnixTime,
    pub(super) message: String,
    pub(super) next: String,
}

impl Desk {
    pub(super) fn causes(&self, facts: &Facts) -> Vec<Cause> {
        let Some(entry) = &facts.entry else { return vec![self.not_in_the_directory(facts)] };
        if !entry.active || facts.record.is_some_and(|record| !record.active) {
            return vec![self.inactive()];
        }
        let mut causes = vec![self.nothing(facts)];
        let last = facts.requests.iter().rev().find(|request| request.kind != RequestKind::Notice);
        causes.extend(last.map(|request| self.mail_cause(facts, entry, request)));
        causes.extend(self.sign_in_cause(facts));
        let asked_at = last.map_or(UnixTime(0), |request| request.created_at);
        causes.extend(facts.active_limits.iter().map(|limit| self.limit_cause(facts, limit, asked_at)));
        causes
    }

    fn not_in_the_directory(&self, facts: &Facts) -> Cause {
        let asked = facts.requests.last().map(|request| self.at(request.created_at));
        let (fr, en) = asked.map_or_else(Default::default, |at| {
            (
                format!(" ; la demande faite {at} n’a mené à aucun courriel"),
                format!("; the request made {at} led to no mail"),
            )
        });
        let account = facts.account.as_str();
        Cause {
            code: "not-in-the-directory",
            severity: Severity::Blocking,
            since: self.now,
            message: self.say(
                format!("Le compte {account} n’est pas au répertoire{fr}."),
                format!("The account {account} is not in the directory{en}."),
            ),
            next: self.say(
                "Vérifier l’orthographe avec la personne, ou chercher son nom : cargo admin find NOM.",
                "Check the spelling with the person, or look for their name: cargo admin find NAME.",
            ),
        }
    }

    fn inactive(&self) -> Cause {
        Cause {
            code: "inactive",
            severity: Severity::Blocking,
            since: self.now,
            message: self.say(
                "Le compte est désactivé : ni connexion, ni courriel.",
                "The account is deactivated: no sign-in, and no mail.",
            ),
            next: self.say(
                "Faire corriger le répertoire de l’organisation ; l’importation suivante rouvre le compte.",
                "Have the organization’s directory corrected; the next import reactivates the account.",
            ),
        }
    }

    fn nothing(&self, facts: &Facts) -> Cause {
        let has_password = facts.record.is_some_and(|record| record.changed_at.is_some());
        let (code, message) = if has_password {
            (
                "nothing",
                self.say(
                    "Rien n’empêche la connexion, et aucun lien n’a été demandé depuis 30 jours.",
                    "Nothing prevents sign-in, and no link was requested in 30 days.",
                ),
            )
        } else {
            (
                "never-asked",
                self.say(
                    "Personne n’a demandé de courriel pour ce compte, et aucun mot de passe n’a jamais été choisi.",
                    "No mail was requested for this account, and no password was ever chosen.",
                ),
            )
        };
        let account = facts.account.as_str();
        Cause {
            code,
            severity: Severity::None,
            since: UnixTime(0),
            message,
            next: self.say(
                format!("Sur le portail, « M’inscrire au service », en tapant bien {account}."),
                format!("On the portal, “Register”, with the user name {account}."),
            ),
        }
    }

    /// The state of the last request for a link.
    fn mail_cause(&self, facts: &Facts, entry: &Entry, request: &StoredRequest) -> Cause {
        let asked = self.at(request.created_at);
        let address = entry.email.as_ref().map_or("—", |email| email.as_str());
        let ended = request.delivery_updated_at.or(request.ended_at).unwrap_or(request.created_at);
        let reason = request.reason.as_deref().unwrap_or("?");
        let again = || self.say("Redemander un courriel sur le portail.", "Request another mail on the portal.");
        let retry = || {
            let account = facts.account.as_str();
            self.say(
                format!("Le renvoyer : cargo admin retry {account}."),
                format!("Send it again: cargo admin retry {account}."),
            )
        };
        let obstacle = |code, message, next| Cause { code, severity: Severity::Blocking, since: ended, message, next };
        let cured = |what_fr: &str, what_en: &str| Cause {
            code: "ask-again",
            severity: Severity::Info,
            since: ended,
            message: self.say(
                format!("La demande faite {asked} n’a mené à aucun courriel : {what_fr}. C’est réglé depuis."),
                format!("The request made {asked} led to no mail: {what_en}. That is fixed now."),
            ),
            next: again(),
        };
        match request.status {
            RequestStatus::Pending | RequestStatus::Sending if request.is_deferred() => obstacle(
                "deferred",
                self.say(
                    format!("Le courriel demandé {asked} est retenu : l’envoi des courriels est arrêté ou freiné pour tous."),
                    format!("The mail requested {asked} is deferred: mail is stopped or limited for everyone."),
                ),
                self.say("Attendre : il part de lui-même. S’il y a plus d’une heure, redemander.", "Wait: it is sent automatically. After more than an hour, request another."),
            ),
            RequestStatus::Pending | RequestStatus::Sending => obstacle(
                "waiting",
                self.say(format!("Le courriel demandé {asked} n’est pas encore parti."), format!("The mail requested {asked} is not sent yet.")),
                self.say("Attendre deux minutes.", "Wait two minutes."),
            ),
            RequestStatus::NoAccount => cured("le compte n’était pas encore au répertoire", "the account was not in the directory yet"),
            RequestStatus::Inactive => cured("le compte était désactivé", "the account was deactivated"),
            RequestStatus::NoMailbox if entry.email.is_some() => cured("le répertoire n’avait pas d’adresse", "the directory had no address"),
            RequestStatus::NoMailbox => obstacle(
                "no-mailbox",
                self.say("Le répertoire n’a pas d’adresse de courriel pour ce compte : rien n’a été envoyé.", "The directory has no mail address for this account: nothing was sent."),
                self.say("Faire inscrire l’adresse au répertoire de l’organisation.", "Have the address entered in the organization’s directory."),
            ),
            RequestStatus::SharedMailbox if !entry.shared_mailbox => cured("un collègue avait la même adresse", "a colleague had the same address"),
            RequestStatus::SharedMailbox => {
                let others = facts.sharing.join(", ");
                obstacle(
                    "shared-mailbox",
                    self.say(
                        format!("L’adresse {address} est aussi celle de {others} : aucun lien n’y est envoyé."),
                        format!("The address {address} is also that of {others}: no link is sent there."),
                    ),
                    self.say("Faire donner à chacun sa propre adresse au répertoire.", "Have each of them given an address of their own in the directory."),
                )
            }
            RequestStatus::Suppressed | RequestStatus::Bounced if entry.bounced_at.is_none() => cured("les courriels à son adresse revenaient", "mail to the address bounced"),
            RequestStatus::Suppressed | RequestStatus::Bounced => {
                let since = entry.bounced_at.unwrap_or(ended);
                let why = request.reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
                obstacle(
                    "bounced",
                    self.say(
                        format!("Les courriels à {address} reviennent depuis {}{why} : plus rien n’y est envoyé.", self.moment(since)),
                        format!("Mail to {address} bounces since {}{why}: no more is sent there.", self.moment(since)),
                    ),
                    self.say(
                        format!("Vérifier l’adresse avec la personne. Fausse : la faire corriger au répertoire. Bonne : cargo admin unblock {}.", facts.account.as_str()),
                        format!("Check the address with the person. Wrong: have the directory corrected. Right: cargo admin unblock {}.", facts.account.as_str()),
                    ),
                )
            }
            RequestStatus::Capped => obstacle(
                "capped",
                self.say(format!("Trop de liens sont allés à {address} aujourd’hui : il n’en part plus avant demain."), format!("Too many links went to {address} today: no more are sent before tomorrow.")),
                self.say(
                    format!("Se servir d’un courriel reçu aujourd’hui, ou lever le plafond : cargo admin unblock {}.", facts.account.as_str()),
                    format!("Use a mail from today, or lift the limit: cargo admin unblock {}.", facts.account.as_str()),
                ),
            ),
            RequestStatus::Expired => obstacle("expired",
                self.say(format!("Le courriel demandé {asked} n’a pas pu partir dans l’heure ; il ne partira plus."), format!("The mail requested {asked} could not be sent within the hour and will not be sent.")),
                retry()),
            RequestStatus::Failed => obstacle("failed",
                self.say(format!("Le courriel demandé {asked} n’a pas pu être envoyé : {reason}."), format!("The mail requested {asked} could not be sent: {reason}.")),
                retry()),
            RequestStatus::Complained => obstacle("complained",
                self.say(format!("Le courriel envoyé à {address} a été signalé comme indésirable par qui l’a reçu."), format!("The mail to {address} was marked as spam by its reader.")),
                self.say("Vérifier que l’adresse est bien celle de la personne, et lui demander de lever le signalement.", "Check that the address is the person’s, and ask them to remove the mark.")),
            RequestStatus::Delayed => obstacle("delayed",
                self.say(format!("Le courriel demandé {asked} n’est pas encore livré : la boîte {address} ne prend rien pour l’instant."), format!("The mail requested {asked} is not delivered yet: the mailbox {address} accepts nothing now.")),
                self.say("Attendre ; le lien peut expirer avant. Sinon, voir l’exploitation de cette boîte.", "Wait; the link may expire first. Otherwise contact the operator of that mailbox.")),
            RequestStatus::Sent | RequestStatus::Delivered => self.link_cause(facts, request, address),
        }
    }

    /// The state of the mailed link.
    fn link_cause(&self, facts: &Facts, request: &StoredRequest, address: &str) -> Cause {
        let mailed_at = request.ended_at.unwrap_or(request.created_at);
        let out = match request.delivery_updated_at.filter(|_| request.status == RequestStatus::Delivered) {
            Some(at) => self
                .say(format!("livré à {address} {}", self.at(at)), format!("delivered to {address} {}", self.at(at))),
            None => self.say(
                format!("envoyé à {address} {}", self.at(mailed_at)),
                format!("sent to {address} {}", self.at(mailed_at)),
            ),
        };
        let version = facts.record.map_or(0, |record| record.version);
        // Each attempt to mail it created another link.
        let links = facts.links.iter().filter(|link| link.for_request == request.id.request);
        let used = links.clone().filter_map(|link| link.used_at).max();
        let live = links.clone().rfind(|link| link.used_at.is_none() && link.version == version);
        let state = |code, since, message, next| Cause { code, severity: Severity::Info, since, message, next };
        if let Some(used) = used {
            let from = self.origin_of(facts, EventKind::PasswordSet, used);
            return state("link-used", used,
                self.say(format!("Le lien a servi {}{from} : le mot de passe a été changé. (Courriel {out}.)", self.at(used)), format!("The link was used {}{from}: the password was changed. (Mail {out}.)", self.at(used))),
                self.say(
                    format!("Se connecter avec ce mot de passe. Si ce n’était pas la personne : cargo admin end-sessions {}, puis un nouveau lien.", facts.account.as_str()),
                    format!("Sign in with that password. If it was not the person: cargo admin end-sessions {}, then a new link.", facts.account.as_str()),
                ));
        }
        match live {
            Some(link) if self.now < link.expires_at => state(
                "link-good",
                mailed_at,
                self.say(
                    format!("Le courriel a été {out} ; son lien est bon {}.", self.until(link.expires_at)),
                    format!("The mail was {out}; its link is valid {}.", self.until(link.expires_at)),
                ),
                self.say(
                    "Chercher dans le courrier indésirable et dans les autres dossiers.",
                    "Look in the junk folder, and in the others.",
                ),
            ),
            Some(link) => state(
                "link-expired",
                link.expires_at,
                self.say(
                    format!("Le lien a expiré {} sans avoir servi. (Courriel {out}.)", self.at(link.expires_at)),
                    format!("The link expired {}, unused. (Mail {out}.)", self.at(link.expires_at)),
                ),
                self.say("En demander un autre sur le portail.", "Request another on the portal."),
            ),
            None if links.count() == 0 => state(
                "link-expired",
                mailed_at,
                self.say(
                    format!("Le courriel a été {out} ; son lien a expiré depuis longtemps."),
                    format!("The mail was {out}; its link expired long ago."),
                ),
                self.say("En demander un autre sur le portail.", "Request another on the portal."),
            ),
            None => {
                let changed = facts.record.and_then(|record| record.changed_at).filter(|at| *at >= mailed_at);
                let ended = facts.actions.iter().map(|action| action.happened_at).max().filter(|at| *at >= mailed_at);
                state("link-dead", changed.max(ended).unwrap_or(mailed_at),
                    self.say(format!("Le lien est mort : le mot de passe a été changé, ou les sessions terminées, depuis. (Courriel {out}.)"), format!("The link is revoked: the password was changed, or the sessions ended, since then. (Mail {out}.)")),
                    self.say("En demander un autre sur le portail, s’il en faut un.", "Request another on the portal, if needed."))
            }
        }
    }

    fn sign_in_cause(&self, facts: &Facts) -> Option<Cause> {
        let good = |event: &Event| {
            matches!(event.kind, EventKind::SignedIn | EventKind::PasswordSet | EventKind::PasswordChanged)
        };
        let last_good = facts.events.iter().rposition(good);
        let after = &facts.events[last_good.map_or(0, |at| at + 1)..];
        let refused: Vec<_> = after.iter().filter(|event| event.kind == EventKind::SignInRefused).collect();
        if let (Some(first), Some(last)) = (refused.first(), refused.last()) {
            let (count, from) = (refused.len(), self.place(last.client.client_class));
            let (device, first, at) = (&last.client.device, self.at(first.happened_at), self.at(last.happened_at));
            return Some(Cause {
                code: "wrong-password",
                severity: Severity::Info,
                since: last.happened_at,
                message: self.say(
                    format!("{count} mot(s) de passe refusé(s), le premier {first}, le dernier {at} {from}, {device}."),
                    format!("{count} password(s) refused, the first {first}, the last {at} {from}, {device}."),
                ),
                next: self.say(
                    "Verrouillage des majuscules, clavier, ancien mot de passe ? Sinon « Mot de passe oublié ? ». Si ce n’est pas la personne : rien à craindre, les essais sont comptés.",
                    "Caps lock, keyboard, an old password? Else “Forgot your password?”. If it is not the person: attempts are limited, there is no danger.",
                ),
            });
        }
        let event = last_good.map(|at| &facts.events[at]).filter(|event| event.kind == EventKind::SignedIn)?;
        let (at, from) = (self.at(event.happened_at), self.place(event.client.client_class));
        let set = facts
            .events
            .iter()
            .rev()
            .find(|event| event.kind == EventKind::PasswordSet)
            .map(|set| self.at(set.happened_at));
        let (fr, en) = set.map_or_else(Default::default, |at| {
            (format!(" Le dernier lien a servi {at}."), format!(" The last link was used {at}."))
        });
        Some(Cause {
            code: "signed-in",
            severity: Severity::Info,
            since: event.happened_at,
            message: self.say(
                format!("Rien ne bloque : la dernière connexion a réussi {at} {from}, {}.{fr}", event.client.device),
                format!("Nothing is wrong: the last sign-in succeeded {at} {from}, {}.{en}", event.client.device),
            ),
            next: self.say("Demander ce qui est écrit à l’écran.", "Ask what the screen says."),
        })
    }

    fn limit_cause(&self, facts: &Facts, limit: &ActiveLimit, asked_at: UnixTime) -> Cause {
        let over = self.now + limit.retry_after();
        let account = facts.account.as_str();
        let lift = |fr: &str, en: &str| {
            self.say(
                format!("{fr} Ou lever : cargo admin unblock {account}."),
                format!("{en} Or lift it: cargo admin unblock {account}."),
            )
        };
        match limit {
            ActiveLimit::SignIn(class, wait) => {
                let refused = facts.events.iter().filter(|event| event.kind == EventKind::SignInRefused);
                let since = refused.map(|event| event.happened_at).max().unwrap_or(self.now);
                let place = self.place(*class);
                let (until_fr, until_en) = if *wait >= LOCKED_RETRY_AFTER {
                    ("tant qu’un nouveau n’est pas choisi par un lien".to_owned(), "until a new one is chosen through a link".to_owned())
                } else {
                    (format!("avant {}", self.moment(over)), format!("before {}", self.moment(over)))
                };
                Cause {
                    code: "too-many-attempts",
                    // A later request for a link is a way in.
                    severity: if since < asked_at { Severity::Info } else { Severity::Blocking },
                    since,
                    message: self.say(
                        format!("Trop de mots de passe refusés {place} : plus aucun n’y est essayé {until_fr}."),
                        format!("Too many passwords refused {place}: no more are evaluated {until_en}."),
                    ),
                    next: lift("Attendre, ou « Mot de passe oublié ? ».", "Wait, or “Forgot your password?”."),
                }
            }
            ActiveLimit::Requests(class, _) => {
                let place = if *class == ClientClass::Untrusted { self.place(ClientClass::Untrusted) } else { self.say("sur le réseau ou un appareil connu", "on the network or a known device") };
                let last = facts.requests.iter().rev().find(|request| request.kind != RequestKind::Notice);
                let last = last.map(|request| self.status_text(request)).unwrap_or_default();
                let is_out = facts.requests.iter().rev().find(|request| request.kind != RequestKind::Notice).is_some_and(|request| matches!(request.status, RequestStatus::Sent | RequestStatus::Delivered));
                let has_used = facts.links.last().is_some_and(|link| link.used_at.is_some());
                Cause {
                    code: "too-many-requests",
                    severity: if is_out && !has_used { Severity::Blocking } else { Severity::Info },
                    since: asked_at,
                    message: self.say(
                        format!("Trop de courriels demandés {place} : le prochain peut l’être {}. Le dernier : {last}.", self.at(over)),
                        format!("Too many mails requested {place}: the next is possible {}. The last one: {last}.", self.at(over)),
                    ),
                    next: lift("Se servir du dernier courriel, s’il est arrivé.", "Use the last mail, if it arrived."),
                }
            }
            ActiveLimit::CircuitBreaker(_) => Cause {
                code: "circuit-breaker",
                severity: Severity::Info,
                since: self.now,
                message: self.say(
                    format!("Trop d’échecs de l’extérieur, tous comptes confondus : aucun mot de passe n’y est essayé ; reprise {}.", self.at(over)),
                    format!("Too many failures from outside across all accounts: no password from there is evaluated; this ends {}.", self.at(over)),
                ),
                next: self.say(
                    "Se connecter sur le réseau, ou sur un appareil où la connexion a déjà réussi.",
                    "Sign in on the organization’s network, or on a device that was used before.",
                ),
            },
        }
    }
}
