//! The model: what each user, link, session, and email should be, checked after every step against the invariants of
//! `.github/ASSURANCE.md` (I1 to I12).

mod background;
mod drain;
mod sessions;

use crate::actions::{Action, Step};
use crate::world::{ApiRequest, Completed, Fault, SentEmail, World};
use guichet_domain::account::AccountName;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::person::{Language, PersonName};
use guichet_store::Table;
use guichet_store::credentials::{AccountProfile, CredentialStatus, Credentials};
use guichet_store::directory::{Directory, Entry};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const PASSWORDS: [&str; 3] = ["oie7", "abc2", "autre8"];
/// The last one is not in the directory.
pub(crate) const NAMES: [&str; 4] = ["simulated0", "simulated1", "simulated2", "simulated3"];
const LINK_LIFETIME: u64 = 3600;
const QUARTER: u64 = 900;
const DAY: u64 = 86_400;
/// The largest number of AWS calls for one response: eight, each with at most two retries.
const MAX_CALLS: u64 = 8 * 3;
/// Final states of a mail request. From `sent` on, in the order in which SES events may advance it.
const FINAL_STATES: [&str; 13] = [
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

#[derive(Default)]
struct User {
    active: bool,
    version: u64,
    /// The possible current passwords: several after a lost response, none before the first reset.
    passwords: Vec<usize>,
    password_changes: u64,
    /// Times of failed sign-ins since the last success, from the managed network and from untrusted ones.
    failures: [Vec<u64>; 2],
    /// Sign-ins since the last success that the limiter may have counted.
    attempts: usize,
}

struct Link {
    token: String,
    user: usize,
    version: u64,
    expires_at: u64,
    /// When it was redeemed, and the possible passwords that it set.
    redeemed: Option<(u64, Vec<usize>)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Revoked {
    No,
    /// The response to the sign-out was lost.
    Maybe,
    Yes,
}

struct Session {
    token: String,
    user: usize,
    version: u64,
    expires_at: u64,
    last_used: u64,
    revoked: Revoked,
}

pub struct Model {
    world: World,
    users: Vec<User>,
    links: Vec<Link>,
    sessions: Vec<Session>,
    emails: Vec<SentEmail>,
    /// The keys of all mail requests, oldest first.
    mail_requests: Vec<Value>,
    /// For each mail request, the number of emails and of sends whose outcome the mailer could not know.
    sends: BTreeMap<(String, String), (usize, usize)>,
    /// Accepted link requests: user, key, and time.
    accepted: Vec<(usize, String, u64)>,
    fault_injected: bool,
    deleted_expired: bool,
}

fn text(value: &Value) -> &str {
    value["S"].as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn entry(user: usize, active: bool) -> Entry {
    Entry {
        account: AccountName::parse(NAMES[user]).expect("a name"),
        email: EmailAddress::parse(&address(user)),
        name: PersonName { given_name: "Marie".into(), family_name: "Tremblay".into() },
        language: Language::Fr,
        active,
        shared_mailbox: false,
        bounced_at: None,
    }
}

fn address(user: usize) -> String {
    format!("{}@sante.example", NAMES[user])
}

impl Model {
    /// All users but the last are in the directory; none has a password.
    pub async fn new(world: World) -> Self {
        let entries: Vec<_> = (0..NAMES.len() - 1).map(|user| entry(user, true)).collect();
        let profiles = entries.iter().map(|entry| AccountProfile {
            account: entry.account.clone(),
            status: CredentialStatus { version: 0, active: true },
            name: entry.name.clone(),
            preferred_language: entry.language,
        });
        let model = Self {
            users: entries.iter().map(|_| User { active: true, ..User::default() }).collect(),
            world,
            links: Vec::new(),
            sessions: Vec::new(),
            emails: Vec::new(),
            mail_requests: Vec::new(),
            sends: BTreeMap::new(),
            accepted: Vec::new(),
            fault_injected: false,
            deleted_expired: false,
        };
        model.credentials().create(&profiles.collect::<Vec<_>>()).await.expect("accounts");
        model.directory().put(&entries).await.expect("entries");
        model
    }

    fn credentials(&self) -> Credentials {
        let client = &self.world.aws.dynamodb;
        Credentials(Table::new(client, self.world.table("Credentials")))
    }

    fn directory(&self) -> Directory {
        let client = &self.world.aws.dynamodb;
        Directory(Table::new(client, self.world.table("Directory")))
    }

    /// Runs a step and checks its outcome.
    pub async fn step(&mut self, Step { action, fault }: &Step) {
        let fault = fault.as_ref();
        match *action {
            Action::RequestLink { user, register, untrusted } => {
                self.request_link(user, register, untrusted, fault).await;
            }
            Action::DeliverRecord { request, twice } => self.deliver_record(request, twice, fault).await,
            Action::Sweep => self.mail(&[json!({ "source": "aws.events" })], fault).await,
            Action::AdvanceClock(seconds) => self.world.advance_clock(seconds),
            Action::Reset { link, password, twice } => self.reset(link, password, twice, fault).await,
            Action::SignIn { user, password, untrusted } => self.sign_in(user, password, untrusted, fault).await,
            Action::GetSession { session } => self.get_session(session, fault).await,
            Action::SignOut { session } => self.sign_out(session, fault).await,
            Action::SesEvent { mail, event } => self.ses_event(mail, event, fault).await,
            Action::Import { user, active } => self.import(user, active, fault).await,
            Action::RevokeSessions { user } => self.revoke_sessions(user, fault).await,
            Action::DeleteExpired => {
                self.world.delete_expired();
                self.deleted_expired = true;
            }
        }
        for item in self.world.items("MailRequests") {
            let keys = json!({ "account_key": item["account_key"], "request": item["request"] });
            if !self.mail_requests.contains(&keys) {
                self.mail_requests.push(keys);
            }
        }
        for (at, user) in self.users.iter().enumerate() {
            assert_eq!(self.stored_status(at), (user.version, user.active), "the credential status of {}", NAMES[at]);
        }
    }

    /// The version and the active flag in the table.
    fn stored_status(&self, user: usize) -> (u64, bool) {
        let items = self.world.items("Credentials");
        let item = items.iter().find(|item| text(&item["account"]) == NAMES[user]).expect("an account");
        (number(&item["version"]), item["active"]["BOOL"] == true)
    }

    async fn request_link(&mut self, user: usize, register: bool, untrusted: bool, fault: Option<&Fault>) {
        let kind = if register { "register" } else { "request-reset" };
        let route = format!("POST /api/{kind}");
        let request = ApiRequest { route: &route, untrusted, bearer: None, body: json!({ "account": NAMES[user] }) };
        let completed = self.world.send(fault, &[request]).await;
        let Some((status, body)) = self.single_response(&completed) else { return };
        let now = self.world.now();
        let key = format!("{kind}#{}#{}", if untrusted { "U" } else { "T" }, now / 120);
        match status {
            202 => {
                let items = self.world.items("MailRequests");
                assert!(items.iter().any(|item| text(&item["request"]) == key), "I1: no mail request {key} is stored");
                self.accepted.push((user, key, now));
            }
            429 => {
                let without_window = |key: &str| key.rsplit_once('#').map(|(prefix, _)| prefix.to_owned());
                let accepted_since = |since: u64| {
                    let same = |(by, other, at): &&(usize, String, u64)| {
                        *by == user && without_window(other) == without_window(&key) && *at >= since
                    };
                    self.accepted.iter().filter(same).count()
                };
                let at_limit = accepted_since(now - now % 3600) >= 3 || accepted_since(now - now % DAY) >= 6;
                assert!(self.fault_injected || at_limit, "rate limited too early: {body}");
            }
            _ => panic!("{route}: {status} {body}"),
        }
    }

    /// The only response, unless it was lost or is a 503.
    fn single_response(&mut self, completed: &Completed<Vec<(u16, Value)>>) -> Option<(u16, Value)> {
        self.fault_injected |= completed.fault_injected;
        assert!(completed.calls <= MAX_CALLS, "I12: {} AWS calls for one response", completed.calls);
        let (status, body) = completed.result.as_ref()?.first()?.clone();
        let is_outage = completed.fault_injected && status == 503 && body["code"] == "unavailable";
        assert!(status < 500 || is_outage, "{status} {body}");
        (status != 503).then_some((status, body))
    }

    async fn deliver_record(&mut self, request: usize, twice: bool, fault: Option<&Fault>) {
        let Some(at) = request.checked_rem(self.mail_requests.len()) else { return };
        let keys = &self.mail_requests[at];
        let event = json!({ "Records": [{ "eventName": "INSERT", "dynamodb": { "Keys": keys } }] });
        self.mail(&vec![event; if twice { 2 } else { 1 }], fault).await;
    }

    async fn mail(&mut self, events: &[Value], fault: Option<&Fault>) {
        let completed = self.world.mail(fault, events).await;
        self.fault_injected |= completed.fault_injected;
        for email in completed.sent {
            let to = (0..self.users.len()).find(|user| address(*user) == email.to).expect("a user");
            let user = &self.users[to];
            assert!(user.active, "an inactive account received an email");
            let (count, unknown) = self.sends.entry(email.request.clone()).or_default();
            *count += 1;
            *unknown += usize::from(completed.fault_injected);
            assert!(*count <= (1 + *unknown).min(3), "I2: {count} emails for {:?}", email.request);
            if let Some(token) = &email.token {
                self.links.push(Link {
                    token: token.clone(),
                    user: to,
                    version: user.version,
                    expires_at: self.world.now() + LINK_LIFETIME,
                    redeemed: None,
                });
            }
            self.emails.push(email);
        }
    }

    fn is_redeemable(&self, link: &Link) -> bool {
        let user = &self.users[link.user];
        link.redeemed.is_none() && user.active && link.version == user.version && self.world.now() < link.expires_at
    }

    /// Whether redeeming the link again with this password is a replay of the redemption that set it.
    fn is_replay(&self, link: &Link, password: usize) -> bool {
        let user = &self.users[link.user];
        let is_latest = link.version + 1 == user.version && user.active;
        let matches = |(at, set): &(u64, Vec<usize>)| self.world.now() < at + 600 && set.contains(&password);
        is_latest && link.redeemed.as_ref().is_some_and(matches)
    }

    async fn reset(&mut self, link: usize, password: usize, twice: bool, fault: Option<&Fault>) {
        let Some(at) = link.checked_rem(self.links.len()) else { return };
        let link = &self.links[at];
        let (user, before) = (link.user, self.users[link.user].version);
        let mut passwords = vec![password];
        passwords.extend(twice.then_some((password + 1) % PASSWORDS.len()));
        let requests = passwords.iter().map(|password| ApiRequest {
            route: "POST /api/reset",
            untrusted: false,
            bearer: None,
            body: json!({
                "token": link.token, "password": PASSWORDS[*password], "confirmation": PASSWORDS[*password],
            }),
        });
        let completed = self.world.send(fault, &requests.collect::<Vec<_>>()).await;
        let redeemable = self.is_redeemable(link);
        self.fault_injected |= completed.fault_injected;
        let responses = completed.result.unwrap_or_default();
        let mut confirmed: Vec<usize> = Vec::new();
        for ((status, body), password) in responses.iter().zip(&passwords) {
            match status {
                204 => confirmed.push(*password),
                503 => assert!(completed.fault_injected, "{body}"),
                404 => assert!(self.deleted_expired, "the link is unknown: {body}"),
                410 => {}
                _ => panic!("POST /api/reset: {status} {body}"),
            }
        }
        let (version, _) = self.stored_status(user);
        let link = &self.links[at];
        if version == before {
            let all_replays = confirmed.iter().all(|password| self.is_replay(link, *password));
            assert!(all_replays, "I4: confirmed a change that did not happen");
            assert!(!redeemable || completed.fault_injected, "a redeemable link is refused: {responses:?}");
            return;
        }
        assert!(redeemable && version == before + 1, "I3, I4: version {before} became {version}");
        assert!(confirmed.len() <= 1, "I3: one link set two passwords");
        let set = if confirmed.is_empty() { passwords } else { confirmed };
        self.links[at].redeemed = Some((self.world.now(), set.clone()));
        let user = &mut self.users[user];
        (user.version, user.passwords) = (version, set);
        user.password_changes += 1;
    }

    async fn sign_in(&mut self, user: usize, password: usize, untrusted: bool, fault: Option<&Fault>) {
        let body = json!({ "account": NAMES[user], "password": PASSWORDS[password], "transport": "bearer" });
        let request = ApiRequest { route: "POST /api/login", untrusted, bearer: None, body };
        let completed = self.world.send(fault, &[request]).await;
        let response = self.single_response(&completed);
        let now = self.world.now();
        let at = user;
        let Some(user) = self.users.get_mut(at) else {
            assert!(response.is_none_or(|(status, _)| [401, 429].contains(&status)), "an unknown account signed in");
            return;
        };
        user.attempts += 1;
        let Some((status, body)) = response else { return };
        match status {
            200 => {
                assert!(user.active && user.passwords.contains(&password), "I8: signed in with a wrong password");
                user.passwords = vec![password];
                (user.failures, user.attempts) = (Default::default(), 0);
                let expires_at: jiff::Timestamp = body["expires_at"].as_str().expect("a time").parse().expect("a time");
                self.sessions.push(Session {
                    token: body["token"].as_str().expect("a token").to_owned(),
                    user: at,
                    version: user.version,
                    expires_at: expires_at.as_second().cast_unsigned(),
                    last_used: now,
                    revoked: Revoked::No,
                });
            }
            401 => {
                assert!(!(user.active && user.passwords == [password]), "the right password is refused");
                if user.active {
                    user.passwords.retain(|other| *other != password);
                }
                let failures = &mut user.failures[usize::from(untrusted)];
                let within = |window: u64| failures.iter().filter(|at| now < **at + window).count();
                assert!(within(QUARTER) < 5, "I10: six failures in 15 minutes");
                assert!(within(DAY) < if untrusted { 10 } else { 15 }, "I10: too many failures in a day");
                failures.push(now);
            }
            // Attempts that lost their response count too.
            429 => assert!(user.attempts > 5 || untrusted || completed.fault_injected, "locked too early"),
            _ => panic!("POST /api/login: {status} {body}"),
        }
    }
}
