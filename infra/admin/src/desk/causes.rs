//! What may be the matter with an account: each with how much it stands in the way, and what to tell the person.

use super::Desk;
use super::explain::Known;
use guichet_core::class::Class;
use guichet_core::clock::UnixTime;
use guichet_core::store::desk::{Hindrance, Kept};
use guichet_core::store::directory::Entry;
use guichet_core::store::events::{Event, What};
use guichet_core::store::mail_request::{Kind, Status};
use guichet_core::throttle::UNTIL_A_LINK;

/// How much something stands in the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Nothing does.
    Nothing,
    /// It is how things are; the person can go on.
    State,
    /// Nobody gets on before it is out of the way.
    Obstacle,
}

/// What may be the matter.
pub(super) struct Cause {
    pub(super) code: &'static str,
    pub(super) weight: Weight,
    pub(super) since: UnixTime,
    pub(super) said: String,
    pub(super) next: String,
}

impl Desk {
    pub(super) fn causes(&self, known: &Known) -> Vec<Cause> {
        let Some(entry) = &known.entry else { return vec![self.not_in_the_directory(known)] };
        if !entry.active || known.record.is_some_and(|record| !record.active) {
            return vec![self.inactive()];
        }
        let mut causes = vec![self.nothing(known)];
        let last = known.requests.iter().rev().find(|request| request.kind != Kind::Notice);
        causes.extend(last.map(|request| self.of_the_mail(known, entry, request)));
        causes.extend(self.of_signing_in(known));
        let asked_at = last.map_or(UnixTime(0), |request| request.created_at);
        causes.extend(known.hindrances.iter().map(|hindrance| self.of_hindrance(known, hindrance, asked_at)));
        causes
    }

    fn not_in_the_directory(&self, known: &Known) -> Cause {
        let asked = known.requests.last().map(|request| self.at(request.created_at));
        let (fr, en) = asked.map_or_else(Default::default, |at| {
            (
                format!(" ; la demande faite {at} n’a mené à aucun courriel"),
                format!("; what was asked for {at} led to no mail"),
            )
        });
        let account = known.account.as_str();
        Cause {
            code: "not-in-the-directory",
            weight: Weight::Obstacle,
            since: self.now,
            said: self.say(
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
            weight: Weight::Obstacle,
            since: self.now,
            said: self.say(
                "Le compte est désactivé : ni connexion, ni courriel.",
                "The account is deactivated: no sign-in, and no mail.",
            ),
            next: self.say(
                "Faire corriger le répertoire de l’organisation ; l’importation suivante rouvre le compte.",
                "Have the organisation’s directory corrected; the next import opens the account again.",
            ),
        }
    }

    fn nothing(&self, known: &Known) -> Cause {
        let has_password = known.record.is_some_and(|record| record.changed_at.is_some());
        let (code, said) = if has_password {
            (
                "nothing",
                self.say(
                    "Rien n’empêche la connexion, et aucun lien n’a été demandé depuis 30 jours.",
                    "Nothing keeps the person from signing in, and no link was asked for in 30 days.",
                ),
            )
        } else {
            (
                "never-asked",
                self.say(
                    "Personne n’a demandé de courriel pour ce compte, et aucun mot de passe n’a jamais été choisi.",
                    "Nobody asked for a mail for this account, and no password was ever chosen.",
                ),
            )
        };
        let account = known.account.as_str();
        Cause {
            code,
            weight: Weight::Nothing,
            since: UnixTime(0),
            said,
            next: self.say(
                format!("Sur le portail, « M’inscrire au service », en tapant bien {account}."),
                format!("On the portal, “Register”, typing just {account}."),
            ),
        }
    }

    /// What became of the last link that was asked for.
    fn of_the_mail(&self, known: &Known, entry: &Entry, request: &Kept) -> Cause {
        let asked = self.at(request.created_at);
        let address = entry.email.as_ref().map_or("—", |email| email.as_str());
        let ended = request.delivery_updated_at.or(request.ended_at).unwrap_or(request.created_at);
        let reason = request.reason.as_deref().unwrap_or("?");
        let again = || self.say("Redemander un courriel sur le portail.", "Ask for a mail on the portal once more.");
        let retry = || {
            let account = known.account.as_str();
            self.say(
                format!("Le renvoyer : cargo admin retry {account}."),
                format!("Send it again: cargo admin retry {account}."),
            )
        };
        let obstacle = |code, said, next| Cause { code, weight: Weight::Obstacle, since: ended, said, next };
        let cured = |what_fr: &str, what_en: &str| Cause {
            code: "ask-again",
            weight: Weight::State,
            since: ended,
            said: self.say(
                format!("La demande faite {asked} n’a mené à aucun courriel : {what_fr}. C’est réglé depuis."),
                format!("What was asked for {asked} led to no mail: {what_en}. That is mended since."),
            ),
            next: again(),
        };
        match request.status {
            Status::Pending | Status::Sending if request.is_held() => obstacle(
                "held",
                self.say(
                    format!("Le courriel demandé {asked} est retenu : l’envoi des courriels est arrêté ou freiné pour tous."),
                    format!("The mail asked for {asked} is held: no mails go out, or too many went out this hour."),
                ),
                self.say("Attendre : il part de lui-même. S’il y a plus d’une heure, redemander.", "Wait: it goes out by itself. After more than an hour, ask again."),
            ),
            Status::Pending | Status::Sending => obstacle(
                "waiting",
                self.say(format!("Le courriel demandé {asked} n’est pas encore parti."), format!("The mail asked for {asked} is not out yet.")),
                self.say("Attendre deux minutes.", "Wait for two minutes."),
            ),
            Status::NoAccount => cured("le compte n’était pas encore au répertoire", "the account was not in the directory yet"),
            Status::Inactive => cured("le compte était désactivé", "the account was deactivated"),
            Status::NoMailbox if entry.email.is_some() => cured("le répertoire n’avait pas d’adresse", "the directory had no address"),
            Status::NoMailbox => obstacle(
                "no-mailbox",
                self.say("Le répertoire n’a pas d’adresse de courriel pour ce compte : rien n’a été envoyé.", "The directory has no mail address for this account: nothing was sent."),
                self.say("Faire inscrire l’adresse au répertoire de l’organisation.", "Have the address entered in the organisation’s directory."),
            ),
            Status::SharedMailbox if !entry.shared_mailbox => cured("un collègue avait la même adresse", "a colleague had the same address"),
            Status::SharedMailbox => {
                let others = known.sharing.join(", ");
                obstacle(
                    "shared-mailbox",
                    self.say(
                        format!("L’adresse {address} est aussi celle de {others} : aucun lien n’y est envoyé."),
                        format!("The address {address} is also that of {others}: no link is sent there."),
                    ),
                    self.say("Faire donner à chacun sa propre adresse au répertoire.", "Have each of them given an address of their own in the directory."),
                )
            }
            Status::Suppressed | Status::Bounced if entry.bounced_at.is_none() => cured("les courriels à son adresse revenaient", "mails to the address came back"),
            Status::Suppressed | Status::Bounced => {
                let since = entry.bounced_at.unwrap_or(ended);
                let why = request.reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
                obstacle(
                    "bounced",
                    self.say(
                        format!("Les courriels à {address} reviennent depuis {}{why} : plus rien n’y est envoyé.", self.moment(since)),
                        format!("Mails to {address} come back since {}{why}: nothing is sent there any more.", self.moment(since)),
                    ),
                    self.say(
                        format!("Vérifier l’adresse avec la personne. Fausse : la faire corriger au répertoire. Bonne : cargo admin unblock {}.", known.account.as_str()),
                        format!("Check the address with the person. Wrong: have the directory corrected. Right: cargo admin unblock {}.", known.account.as_str()),
                    ),
                )
            }
            Status::Capped => obstacle(
                "capped",
                self.say(format!("Trop de liens sont allés à {address} aujourd’hui : il n’en part plus avant demain."), format!("Too many links went to {address} today: no more go out before tomorrow.")),
                self.say(
                    format!("Se servir d’un courriel reçu aujourd’hui, ou lever le plafond : cargo admin unblock {}.", known.account.as_str()),
                    format!("Use a mail of today, or lift the cap: cargo admin unblock {}.", known.account.as_str()),
                ),
            ),
            Status::Expired => obstacle("expired",
                self.say(format!("Le courriel demandé {asked} n’a pas pu partir dans l’heure ; il ne partira plus."), format!("The mail asked for {asked} could not go out within the hour; it will not any more.")),
                retry()),
            Status::Failed => obstacle("failed",
                self.say(format!("Le courriel demandé {asked} n’a pas pu être envoyé : {reason}."), format!("The mail asked for {asked} could not be sent: {reason}.")),
                retry()),
            Status::Complained => obstacle("complained",
                self.say(format!("Le courriel envoyé à {address} a été signalé comme indésirable par qui l’a reçu."), format!("The mail to {address} was called unwanted by whoever got it.")),
                self.say("Vérifier que l’adresse est bien celle de la personne, et lui demander de lever le signalement.", "Check that the address is the person’s, and ask them to take the mark away.")),
            Status::Delayed => obstacle("delayed",
                self.say(format!("Le courriel demandé {asked} n’est pas encore livré : la boîte {address} ne prend rien pour l’instant."), format!("The mail asked for {asked} is not delivered yet: the mailbox {address} takes nothing at the moment.")),
                self.say("Attendre ; le lien peut expirer avant. Sinon, voir l’exploitation de cette boîte.", "Wait; the link may expire before. Else, see who runs that mailbox.")),
            Status::Sent | Status::Delivered => self.of_the_link(known, request, address),
        }
    }

    /// What became of the link that was mailed.
    fn of_the_link(&self, known: &Known, request: &Kept, address: &str) -> Cause {
        let mailed_at = request.ended_at.unwrap_or(request.created_at);
        let out = match request.delivery_updated_at.filter(|_| request.status == Status::Delivered) {
            Some(at) => self
                .say(format!("livré à {address} {}", self.at(at)), format!("delivered to {address} {}", self.at(at))),
            None => self.say(
                format!("envoyé à {address} {}", self.at(mailed_at)),
                format!("sent to {address} {}", self.at(mailed_at)),
            ),
        };
        let version = known.record.map_or(0, |record| record.version);
        // Each try to mail it makes a link of its own.
        let links = known.links.iter().filter(|link| link.for_request == request.id.request);
        let used = links.clone().filter_map(|link| link.used_at).max();
        let live = links.clone().rfind(|link| link.used_at.is_none() && link.version == version);
        let state = |code, since, said, next| Cause { code, weight: Weight::State, since, said, next };
        if let Some(used) = used {
            let from = self.from(known, What::PasswordSet, used);
            return state("link-used", used,
                self.say(format!("Le lien a servi {}{from} : le mot de passe a été changé. (Courriel {out}.)", self.at(used)), format!("The link was used {}{from}: the password was changed. (Mail {out}.)", self.at(used))),
                self.say(
                    format!("Se connecter avec ce mot de passe. Si ce n’était pas la personne : cargo admin end-sessions {}, puis un nouveau lien.", known.account.as_str()),
                    format!("Sign in with that password. If it was not the person: cargo admin end-sessions {}, then a new link.", known.account.as_str()),
                ));
        }
        match live {
            Some(link) if self.now < link.expires_at => state(
                "link-good",
                mailed_at,
                self.say(
                    format!("Le courriel a été {out} ; son lien est bon {}.", self.until(link.expires_at)),
                    format!("The mail was {out}; its link is good {}.", self.until(link.expires_at)),
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
                self.say("En demander un autre sur le portail.", "Ask for another on the portal."),
            ),
            None if links.count() == 0 => state(
                "link-expired",
                mailed_at,
                self.say(
                    format!("Le courriel a été {out} ; son lien a expiré depuis longtemps."),
                    format!("The mail was {out}; its link expired long ago."),
                ),
                self.say("En demander un autre sur le portail.", "Ask for another on the portal."),
            ),
            None => {
                let changed = known.record.and_then(|record| record.changed_at).filter(|at| *at >= mailed_at);
                let ended = known.acts.iter().map(|act| act.happened_at).max().filter(|at| *at >= mailed_at);
                state("link-dead", changed.max(ended).unwrap_or(mailed_at),
                    self.say(format!("Le lien est mort : le mot de passe a été changé, ou les sessions terminées, depuis. (Courriel {out}.)"), format!("The link is dead: the password was changed, or the sessions ended, since. (Mail {out}.)")),
                    self.say("En demander un autre sur le portail, s’il en faut un.", "Ask for another on the portal, if one is needed."))
            }
        }
    }

    fn of_signing_in(&self, known: &Known) -> Option<Cause> {
        let good = |event: &Event| matches!(event.what, What::SignedIn | What::PasswordSet | What::PasswordChanged);
        let last_good = known.events.iter().rposition(good);
        let after = &known.events[last_good.map_or(0, |at| at + 1)..];
        let refused: Vec<_> = after.iter().filter(|event| event.what == What::SignInRefused).collect();
        if let (Some(first), Some(last)) = (refused.first(), refused.last()) {
            let (count, from) = (refused.len(), self.place(last.origin.client_class));
            let (device, first, at) = (&last.origin.device, self.at(first.happened_at), self.at(last.happened_at));
            return Some(Cause {
                code: "wrong-password",
                weight: Weight::State,
                since: last.happened_at,
                said: self.say(
                    format!("{count} mot(s) de passe refusé(s), le premier {first}, le dernier {at} {from}, {device}."),
                    format!("{count} password(s) refused, the first {first}, the last {at} {from}, {device}."),
                ),
                next: self.say(
                    "Verrouillage des majuscules, clavier, ancien mot de passe ? Sinon « Mot de passe oublié ? ». Si ce n’est pas la personne : rien à craindre, les essais sont comptés.",
                    "Caps lock, keyboard, an old password? Else “Forgot your password?”. If it is not the person: nothing to fear, tries are counted.",
                ),
            });
        }
        let event = last_good.map(|at| &known.events[at]).filter(|event| event.what == What::SignedIn)?;
        let (at, from) = (self.at(event.happened_at), self.place(event.origin.client_class));
        let set =
            known.events.iter().rev().find(|event| event.what == What::PasswordSet).map(|set| self.at(set.happened_at));
        let (fr, en) = set.map_or_else(Default::default, |at| {
            (format!(" Le dernier lien a servi {at}."), format!(" The last link was used {at}."))
        });
        Some(Cause {
            code: "signed-in",
            weight: Weight::State,
            since: event.happened_at,
            said: self.say(
                format!("Rien ne bloque : la dernière connexion a réussi {at} {from}, {}.{fr}", event.origin.device),
                format!("Nothing is in the way: the last sign-in succeeded {at} {from}, {}.{en}", event.origin.device),
            ),
            next: self.say("Demander ce qui est écrit à l’écran.", "Ask what stands on the screen."),
        })
    }

    fn of_hindrance(&self, known: &Known, hindrance: &Hindrance, asked_at: UnixTime) -> Cause {
        let over = self.now + hindrance.wait();
        let account = known.account.as_str();
        let lift = |fr: &str, en: &str| {
            self.say(
                format!("{fr} Ou lever : cargo admin unblock {account}."),
                format!("{en} Or lift it: cargo admin unblock {account}."),
            )
        };
        match hindrance {
            Hindrance::SignIn(class, wait) => {
                let refused = known.events.iter().filter(|event| event.what == What::SignInRefused);
                let since = refused.map(|event| event.happened_at).max().unwrap_or(self.now);
                let place = self.place(*class);
                let (until_fr, until_en) = if *wait >= UNTIL_A_LINK {
                    ("tant qu’un nouveau n’est pas choisi par un lien".to_owned(), "until a new one is chosen through a link".to_owned())
                } else {
                    (format!("avant {}", self.moment(over)), format!("before {}", self.moment(over)))
                };
                Cause {
                    code: "too-many-attempts",
                    // Who has asked for a link since has a way in.
                    weight: if since < asked_at { Weight::State } else { Weight::Obstacle },
                    since,
                    said: self.say(
                        format!("Trop de mots de passe refusés {place} : plus aucun n’y est essayé {until_fr}."),
                        format!("Too many passwords refused {place}: no more are tried {until_en}."),
                    ),
                    next: lift("Attendre, ou « Mot de passe oublié ? ».", "Wait, or “Forgot your password?”."),
                }
            }
            Hindrance::Mails(class, _) => {
                let place = if *class == Class::U { self.place(Class::U) } else { self.say("sur le réseau ou un appareil connu", "on the network or a known device") };
                let last = known.requests.iter().rev().find(|request| request.kind != Kind::Notice);
                let last = last.map(|request| self.standing(request)).unwrap_or_default();
                let is_out = known.requests.iter().rev().find(|request| request.kind != Kind::Notice).is_some_and(|request| matches!(request.status, Status::Sent | Status::Delivered));
                let has_used = known.links.last().is_some_and(|link| link.used_at.is_some());
                Cause {
                    code: "too-many-requests",
                    weight: if is_out && !has_used { Weight::Obstacle } else { Weight::State },
                    since: asked_at,
                    said: self.say(
                        format!("Trop de courriels demandés {place} : le prochain peut l’être {}. Le dernier : {last}.", self.at(over)),
                        format!("Too many mails asked for {place}: the next can be {}. The last one: {last}.", self.at(over)),
                    ),
                    next: lift("Se servir du dernier courriel, s’il est arrivé.", "Use the last mail, if it came."),
                }
            }
            Hindrance::Brake(_) => Cause {
                code: "brake",
                weight: Weight::State,
                since: self.now,
                said: self.say(
                    format!("Le frein est tiré pour tous : de l’extérieur, aucun mot de passe n’est essayé ; il se relâche {}.", self.at(over)),
                    format!("The brake is pulled for all: from outside no password is tried; it is released {}.", self.at(over)),
                ),
                next: self.say(
                    "Se connecter sur le réseau, ou sur un appareil où la connexion a déjà réussi.",
                    "Sign in on the network, or on a device that signed in before.",
                ),
            },
        }
    }
}
