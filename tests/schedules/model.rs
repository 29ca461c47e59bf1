//! The small model that each step is held to.

mod behind;
mod sessions;
mod settle;

use crate::steps::{Act, Step};
use crate::world::{Call, Came, Fault, Posted, World};
use guichet_domain::account::AccountName;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::person::{Language, PersonName};
use guichet_store::Table;
use guichet_store::credentials::{AccountProfile, CredentialStatus, Credentials};
use guichet_store::directory::{Directory, Entry};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const PASSWORDS: [&str; 3] = ["oie7", "abc2", "autre8"];
/// The last of them is nobody's.
pub(crate) const NAMES: [&str; 4] = ["schedule0", "schedule1", "schedule2", "schedule3"];
const LINK_LIFETIME: u64 = 3600;
const QUARTER: u64 = 900;
const DAY: u64 = 86_400;
/// A mailer's lease and its longest pause.
const A_WHILE: u64 = 65;
/// Within so many of them each request comes to its end.
const PATIENCE: u32 = 14;
/// Calls of AWS for one answer, each made three times.
const CALLS: u64 = 8 * 3;
/// How a request may end, in the order in which SES tells of it; all before `sent` are ends of their own.
const ENDS: [&str; 13] = [
    "no-account",
    "inactive",
    "no-mailbox",
    "shared-mailbox",
    "suppressed",
    "capped",
    "expired",
    "failed",
    "sent",
    "delayed",
    "delivered",
    "bounced",
    "complained",
];

/// Somebody of the directory.
#[derive(Default)]
struct Person {
    active: bool,
    version: u64,
    /// What their password may be: one, or none; several where an answer was lost.
    passwords: Vec<usize>,
    /// Changes of the password.
    sets: u64,
    /// Failed sign-ins that were answered, from outside and from within, since the last success.
    refused: [Vec<u64>; 2],
    /// Sign-ins that may have been counted since then.
    tries: usize,
}

struct Link {
    token: String,
    who: usize,
    version: u64,
    ends_at: u64,
    /// When it was used, and to set what.
    used: Option<(u64, Vec<usize>)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Over {
    No,
    Perhaps,
    Yes,
}

struct Session {
    token: String,
    who: usize,
    version: u64,
    ends_at: u64,
    last_used: u64,
    over: Over,
}

/// A schedule as it is played.
pub struct Play {
    world: World,
    people: Vec<Person>,
    links: Vec<Link>,
    sessions: Vec<Session>,
    mails: Vec<Posted>,
    /// The keys of all requests, in the order in which they came.
    requests: Vec<Value>,
    /// Of each request: mails, and outcomes that nobody could know.
    of_request: BTreeMap<(String, String), (usize, usize)>,
    asked: Vec<(usize, String, u64)>,
    /// Whether anything went wrong, and whether anything was swept away.
    harmed: bool,
    swept: bool,
}

fn text(value: &Value) -> &str {
    value["S"].as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn entry(who: usize, active: bool) -> Entry {
    Entry {
        account: AccountName::parse(NAMES[who]).expect("a name"),
        email: EmailAddress::parse(&address(who)),
        name: PersonName { given_name: "Marie".into(), family_name: "Tremblay".into() },
        language: Language::Fr,
        active,
        shared_mailbox: false,
        bounced_at: None,
    }
}

fn address(who: usize) -> String {
    format!("{}@sante.example", NAMES[who])
}

impl Play {
    /// With three people of the directory, who have no password.
    pub async fn new(world: World) -> Self {
        let people: Vec<_> = (0..NAMES.len() - 1).map(|who| entry(who, true)).collect();
        let holders = people.iter().map(|entry| AccountProfile {
            account: entry.account.clone(),
            status: CredentialStatus { version: 0, active: true },
            name: entry.name.clone(),
            preferred_language: entry.language,
        });
        let play = Self {
            people: people.iter().map(|_| Person { active: true, ..Person::default() }).collect(),
            world,
            links: Vec::new(),
            sessions: Vec::new(),
            mails: Vec::new(),
            requests: Vec::new(),
            of_request: BTreeMap::new(),
            asked: Vec::new(),
            harmed: false,
            swept: false,
        };
        play.credentials().create(&holders.collect::<Vec<_>>()).await.expect("accounts");
        play.directory().put(&people).await.expect("entries");
        play
    }

    fn credentials(&self) -> Credentials {
        let client = &self.world.aws.dynamodb;
        Credentials(Table::new(client, self.world.table("Credentials")))
    }

    fn directory(&self) -> Directory {
        let client = &self.world.aws.dynamodb;
        Directory(Table::new(client, self.world.table("Directory")))
    }

    /// Plays a step, and holds what came of it to the model.
    pub async fn step(&mut self, Step { act, fault }: &Step) {
        let fault = fault.as_ref();
        match *act {
            Act::Ask { who, first, outside } => self.ask(who, first, outside, fault).await,
            Act::Ring { request, twice } => self.ring(request, twice, fault).await,
            Act::Sweep => self.mail(&[json!({ "source": "aws.events" })], fault).await,
            Act::Pass(seconds) => self.world.pass(seconds),
            Act::Reset { link, password, twice } => self.reset(link, password, twice, fault).await,
            Act::SignIn { who, password, outside } => self.sign_in(who, password, outside, fault).await,
            Act::Visit { session } => self.visit(session, fault).await,
            Act::SignOut { session } => self.sign_out(session, fault).await,
            Act::Tell { mail, what } => self.tell(mail, what, fault).await,
            Act::Import { who, active } => self.import(who, active, fault).await,
            Act::EndSessions { who } => self.end_sessions(who, fault).await,
            Act::SweepAway => {
                self.world.sweep_away();
                self.swept = true;
            }
        }
        for item in self.world.items("MailRequests") {
            let keys = json!({ "account_key": item["account_key"], "request": item["request"] });
            if !self.requests.contains(&keys) {
                self.requests.push(keys);
            }
        }
        for who in 0..self.people.len() {
            let (person, (version, active)) = (&self.people[who], self.standing(who));
            assert_eq!((version, active), (person.version, person.active), "the standing of {}", NAMES[who]);
        }
    }

    fn standing(&self, who: usize) -> (u64, bool) {
        let items = self.world.items("Credentials");
        let item = items.iter().find(|item| text(&item["account"]) == NAMES[who]).expect("an account");
        (number(&item["version"]), item["active"]["BOOL"] == true)
    }

    async fn ask(&mut self, who: usize, first: bool, outside: bool, fault: Option<&Fault>) {
        let kind = if first { "register" } else { "request-reset" };
        let route = format!("POST /api/{kind}");
        let call = Call { route: &route, outside, bearer: None, body: json!({ "account": NAMES[who] }) };
        let came = self.world.ask(fault, &[call]).await;
        let Some((status, said)) = self.answer(&came) else { return };
        let key = format!("{kind}#{}#{}", if outside { "U" } else { "T" }, self.world.now() / 120);
        let hour_ago = self.world.now() - self.world.now() % 3600;
        let day_ago = self.world.now() - self.world.now() % DAY;
        match status {
            202 => {
                let items = self.world.items("MailRequests");
                assert!(items.iter().any(|item| text(&item["request"]) == key), "I1: nothing is kept of {key}");
                self.asked.push((who, key, self.world.now()));
            }
            429 => {
                let same = |key: &String| key.rsplit_once('#').map(|it| it.0.to_owned());
                let wanted = same(&key);
                let asked = |since: u64| {
                    self.asked.iter().filter(|(by, key, at)| *by == who && same(key) == wanted && *at >= since).count()
                };
                assert!(self.harmed || asked(hour_ago) >= 3 || asked(day_ago) >= 6, "refused too early: {said}");
            }
            _ => panic!("{route}: {status} {said}"),
        }
    }

    /// The one answer, unless it could not be had.
    fn answer(&mut self, came: &Came<Vec<(u16, Value)>>) -> Option<(u16, Value)> {
        self.harmed |= came.fired;
        assert!(came.calls <= CALLS, "I12: {} calls for one answer", came.calls);
        let (status, said) = came.answer.as_ref()?.first()?.clone();
        assert!(status < 500 || (came.fired && status == 503 && said["code"] == "unavailable"), "{status} {said}");
        (status != 503).then_some((status, said))
    }

    async fn ring(&mut self, request: usize, twice: bool, fault: Option<&Fault>) {
        let Some(at) = request.checked_rem(self.requests.len()) else { return };
        let keys = &self.requests[at];
        let event = json!({ "Records": [{ "eventName": "INSERT", "dynamodb": { "Keys": keys } }] });
        self.mail(&vec![event; if twice { 2 } else { 1 }], fault).await;
    }

    async fn mail(&mut self, events: &[Value], fault: Option<&Fault>) {
        let came = self.world.mail(fault, events).await;
        self.harmed |= came.fired;
        for mail in came.posted {
            let who = (0..self.people.len()).find(|who| address(*who) == mail.to).expect("somebody");
            let person = &self.people[who];
            assert!(person.active, "a mail to somebody who is not active");
            let (mails, unknown) = self.of_request.entry(mail.request.clone()).or_default();
            *mails += 1;
            *unknown += usize::from(came.fired);
            assert!(*mails <= (1 + *unknown).min(3), "I2: {mails} mails for {:?}", mail.request);
            if let Some(token) = &mail.token {
                let ends_at = self.world.now() + LINK_LIFETIME;
                let (token, version) = (token.clone(), person.version);
                self.links.push(Link { token, who, version, ends_at, used: None });
            }
            self.mails.push(mail);
        }
    }

    fn is_good(&self, link: &Link) -> bool {
        let person = &self.people[link.who];
        link.used.is_none() && person.active && link.version == person.version && self.world.now() < link.ends_at
    }

    async fn reset(&mut self, link: usize, password: usize, twice: bool, fault: Option<&Fault>) {
        let Some(at) = link.checked_rem(self.links.len()) else { return };
        let link = &self.links[at];
        let (who, before) = (link.who, self.people[link.who].version);
        let mut typed = vec![password];
        typed.extend(twice.then_some((password + 1) % PASSWORDS.len()));
        let calls = typed.iter().map(|typed| Call {
            route: "POST /api/reset",
            outside: false,
            bearer: None,
            body: json!({ "token": link.token, "password": PASSWORDS[*typed], "confirmation": PASSWORDS[*typed] }),
        });
        let came = self.world.ask(fault, &calls.collect::<Vec<_>>()).await;
        let (good, now) = (self.is_good(link), self.world.now());
        self.harmed |= came.fired;
        let answers = came.answer.unwrap_or_default();
        let mut set: Vec<usize> = Vec::new();
        for ((status, said), typed) in answers.iter().zip(&typed) {
            match status {
                204 => set.push(*typed),
                503 => assert!(came.fired, "{said}"),
                404 => assert!(self.swept, "a link is forgotten: {said}"),
                410 => {}
                _ => panic!("a new password: {status} {said}"),
            }
        }
        let (version, _) = self.standing(who);
        assert!(
            version == before || (good && version == before + 1),
            "I3, I4: {before} to {version}, by a link {good}"
        );
        if version == before {
            let link = &self.links[at];
            let is_repeat = |typed: &usize| {
                let last = link.version + 1 == before && self.people[who].active;
                link.used.as_ref().is_some_and(|(used, with)| last && now < used + 600 && with.contains(typed))
            };
            assert!(set.iter().all(is_repeat), "I4: a change that is none");
            assert!(!good || came.fired, "a good link is refused: {answers:?}");
            return;
        }
        assert!(set.len() <= 1, "I3: one link set two passwords");
        let passwords = if set.is_empty() { typed } else { set };
        self.links[at].used = Some((now, passwords.clone()));
        let person = &mut self.people[who];
        (person.version, person.passwords, person.sets) = (version, passwords, person.sets + 1);
    }

    async fn sign_in(&mut self, who: usize, password: usize, outside: bool, fault: Option<&Fault>) {
        let body = json!({ "account": NAMES[who], "password": PASSWORDS[password], "transport": "bearer" });
        let call = Call { route: "POST /api/login", outside, bearer: None, body };
        let came = self.world.ask(fault, &[call]).await;
        let answer = self.answer(&came);
        let now = self.world.now();
        let Some(person) = self.people.get_mut(who) else {
            assert!(answer.is_none_or(|(status, _)| [401, 429].contains(&status)), "nobody is in");
            return;
        };
        person.tries += 1;
        let Some((status, said)) = answer else { return };
        let may_be = person.passwords.contains(&password);
        match status {
            200 => {
                assert!(person.active && may_be, "I8: in with a wrong password");
                person.passwords = vec![password];
                (person.refused, person.tries) = (Default::default(), 0);
                let ends_at: jiff::Timestamp = said["expires_at"].as_str().expect("a time").parse().expect("a time");
                self.sessions.push(Session {
                    token: said["token"].as_str().expect("a ticket").to_owned(),
                    who,
                    version: person.version,
                    ends_at: ends_at.as_second().cast_unsigned(),
                    last_used: now,
                    over: Over::No,
                });
            }
            401 => {
                assert!(!(person.active && person.passwords == [password]), "a right password is refused");
                if person.active {
                    person.passwords.retain(|other| *other != password);
                }
                let refused = &mut person.refused[usize::from(outside)];
                let within = |length: u64| refused.iter().filter(|at| now < **at + length).count();
                assert!(within(QUARTER) < 5, "I10: six in a quarter of an hour");
                assert!(within(DAY) < if outside { 10 } else { 15 }, "I10: too many in a day");
                refused.push(now);
            }
            // Who is counted at the same moment as others, again and again, is one too many.
            429 => assert!(person.tries > 5 || outside || came.fired, "refused too early"),
            _ => panic!("sign-in: {status} {said}"),
        }
    }
}
