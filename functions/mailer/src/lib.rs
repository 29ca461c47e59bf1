//! Takes mail requests, makes the links and sends the mails.
//!
//! The table is the outbox: the stream's bell and the minute's sweep both just say that there may be something to do,
//! and every request is claimed before it is worked on. So neither a lost bell nor a killed mailer loses a mail.

mod bell;
mod letter;
mod post;

use futures_util::{FutureExt, StreamExt, future, stream};
use guichet_core::account::AccountName;
use guichet_core::aws::Aws;
use guichet_core::clock::{self, UnixTime};
use guichet_core::config::{self, ConfigError};
use guichet_core::log::chain;
use guichet_core::mailbox::MailAddress;
use guichet_core::metrics::{self, Metric};
use guichet_core::quota::{MailBrake, Spending};
use guichet_core::secret::PlainToken;
use guichet_core::store::StoreError;
use guichet_core::store::credentials::{Credentials, Standing};
use guichet_core::store::directory::{Directory, Entry};
use guichet_core::store::events::{Event, Events, Origin, What};
use guichet_core::store::mail_request::{Kind, Lane, MailRequest, RequestId, Status, quotas_of_a_mailbox};
use guichet_core::store::mail_requests::{Claim, Counted, End, MAX_ATTEMPTS, MailRequests};
use guichet_core::store::throttles::Throttles;
use guichet_core::store::tokens::{Purpose, Token, Tokens};
use guichet_core::{chance, rehearsal};
use lambda_runtime::{Error, LambdaEvent, tracing};
use letter::{Desk, Letter};
use post::{Post, Posted};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// Requests worked on at once: SES answers in about 100 ms, and a new account may send one mail a
/// second.
const AT_ONCE: usize = 4;
/// Requests that one sweep takes up of each partition, more than it has the time for; what is left waits for the next
/// minute's.
const SWEEP: i32 = 200;
/// The counter of all mails.
const BRAKE: &str = "mailer#all-emails";
/// No request is taken up later than this, so that the function, which has 30 s, never ends in the middle of one: one
/// slow call of SES and of each table take less than the rest.
const WORKING_TIME: Duration = Duration::from_secs(15);
/// A request that met a fault waits so long for each attempt that was made.
const BACK_OFF: Duration = Duration::from_secs(20);

/// Who calls: both take a request in the same way, but the bell passes by none that wait already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Bell,
    Sweep,
}

/// What a request came to.
enum Came {
    /// Its end.
    To(End),
    /// The mail may have gone out or not: it is to be tried again after a while.
    Again,
    /// Nothing was mailed, for sure; it waits, and this attempt does not count.
    Held(Why),
    /// Nothing here: another mailer has it.
    NotOurs,
}

/// Why a request is held, as the log and its alarm have it.
#[derive(Debug)]
enum Why {
    /// The mails of this hour are spent.
    Brake,
    /// SES takes nothing at the moment.
    Ses,
    /// Older ones of its lane are held; they go first.
    OlderOnesWait,
}

/// Who gets a mail.
struct Addressee {
    entry: Entry,
    address: MailAddress,
    /// The version of the credentials that a link is good for.
    version: u64,
}

/// What the function needs.
pub struct Mailer {
    mail_requests: MailRequests,
    directory: Directory,
    credentials: Credentials,
    tokens: Tokens,
    throttles: Throttles,
    events: Events,
    brake: MailBrake,
    link_lifetime: Duration,
    desk: Desk,
    post: Post,
}

impl Mailer {
    /// As the template's variables say.
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        Ok(Self {
            mail_requests: MailRequests::from_env(client)?,
            directory: Directory::from_env(client)?,
            credentials: Credentials::from_env(client)?,
            tokens: Tokens::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            events: Events::from_env(client)?,
            brake: config::mail_brake()?,
            link_lifetime: config::link_lifetime()?,
            desk: Desk::from_env()?,
            post: Post::from_env(aws)?,
        })
    }

    /// Works on the requests that a stream event names, or on all that are due. One request's fault is its own: the
    /// event as a whole succeeds, and the sweep comes back to what is left.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Error> {
        let started = Instant::now();
        let in_time = || started.elapsed() < WORKING_TIME;
        let Some(ids) = bell::requests(&event.payload) else { return Ok(self.sweep(in_time).await?) };
        let ids = stream::iter(&ids).take_while(|_| future::ready(in_time()));
        ids.for_each_concurrent(AT_ONCE, async |id| {
            self.work(id, By::Bell).await;
        })
        .await;
        Ok(())
    }

    /// A handful at once, oldest first; and a lane only until one is held, since what holds that one holds all behind it.
    async fn sweep(&self, in_time: impl Fn() -> bool) -> Result<(), StoreError> {
        let now = clock::now();
        let known = self.mail_requests.due(Lane::Known, now, SWEEP).await?;
        let outside = self.mail_requests.due(Lane::Outside, now, SWEEP).await?;
        let oldest = known.iter().chain(&outside).map(|due| due.next_attempt_at).min();
        metrics::measured(
            Metric::OldestRequestSeconds,
            oldest.map_or(0, |next_attempt_at| next_attempt_at.seconds_until(now)),
        );
        self.tell_age_of_import(now).await;
        for lane in [known, outside] {
            for due in lane.chunks(AT_ONCE) {
                if !in_time() {
                    return Ok(());
                }
                let came = future::join_all(due.iter().map(|due| self.work(&due.id, By::Sweep))).await;
                if came.iter().any(|came| matches!(came, Some(Came::Held(_)))) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// That it cannot be told keeps no mail back.
    async fn tell_age_of_import(&self, now: UnixTime) {
        match self.directory.imported_at().await {
            Ok(Some(at)) => metrics::measured(Metric::DirectoryAgeSeconds, at.seconds_until(now)),
            Ok(None) => {}
            Err(error) => tracing::error!(error.chain = chain(&error), "the age of the import is not known"),
        }
    }

    /// What became of the request, where that is known. One that makes us panic takes none of its neighbours along.
    async fn work(&self, id: &RequestId, by: By) -> Option<Came> {
        let request = id.brief();
        let Ok(came) = AssertUnwindSafe(self.claim_and_mail(id, by)).catch_unwind().await else {
            tracing::error!(mail.request = request, "a panic at a mail request");
            return None;
        };
        match &came {
            Ok(Came::To(End { status, reason, .. })) => {
                tracing::info!(mail.request = request, mail.status = ?status, mail.reason = reason, "mail request ended");
                count_end(*status);
            }
            Ok(Came::Held(why)) => {
                tracing::warn!(mail.request = request, mail.held = ?why, "mail request held");
                metrics::count(Metric::EmailsDeferred);
            }
            Ok(Came::Again | Came::NotOurs) => {}
            Err(error) => {
                tracing::error!(mail.request = request, error.chain = chain(&error), "mail request left for later");
            }
        }
        came.ok()
    }

    async fn claim_and_mail(&self, id: &RequestId, by: By) -> Result<Came, StoreError> {
        let now = clock::now();
        let request = match self.mail_requests.claim(id, now).await? {
            Claim::Taken(request) => request,
            Claim::NotDue => return Ok(Came::NotOurs),
            Claim::Unreadable => return Ok(failed(None, "unreadable")),
            Claim::Exhausted(request) => return self.give_up(&request, now).await,
        };
        rehearsal::point("mailer.after_claim", &request.id.brief());
        let came = match self.mail(&request, by, now).await {
            Ok(came) => came,
            // The store did not answer: nothing is known of the account, and nothing was mailed.
            Err(error) => {
                self.mail_requests.release(&request, now + BACK_OFF).await?;
                return Err(error);
            }
        };
        rehearsal::point("mailer.before_mark", &request.id.brief());
        self.mark(&request, &came, now).await?;
        Ok(came)
    }

    async fn give_up(&self, request: &MailRequest, now: UnixTime) -> Result<Came, StoreError> {
        let known = self.directory.entry(&request.requested_account).await?.map(|entry| entry.account);
        let came = failed(known, "unfinished");
        self.mark(request, &came, now).await?;
        Ok(came)
    }

    /// Writes down what a request came to.
    async fn mark(&self, request: &MailRequest, came: &Came, now: UnixTime) -> Result<(), StoreError> {
        match came {
            Came::To(end) => self.mail_requests.finish(request, end, now).await,
            Came::Again => self.mail_requests.put_back(request, now + BACK_OFF * request.attempts).await,
            Came::Held(_) => self.mail_requests.hold(request).await,
            Came::NotOurs => Ok(()),
        }
    }

    async fn mail(&self, request: &MailRequest, by: By, now: UnixTime) -> Result<Came, StoreError> {
        let to = match self.addressee(request, now).await? {
            Ok(addressee) => addressee,
            Err(end) => return Ok(Came::To(end)),
        };
        // Only what would be mailed comes so far: names that nobody bears spend nothing, and none of them is held.
        let lane = request.id.lane();
        if by == By::Bell && self.mail_requests.are_held(lane, now).await? {
            return Ok(Came::Held(Why::OlderOnesWait));
        }
        let one_mail = self.one_mail(lane, now);
        if !self.throttles.spend_common(&one_mail).await? {
            return Ok(Came::Held(Why::Brake));
        }
        let came = self.post(request, &to, now).await;
        // What was not handed to SES, for sure, was not spent.
        if let Err(_) | Ok(Came::Held(_) | Came::To(End { status: Status::Capped, .. }) | Came::NotOurs) = came {
            self.throttles.give_back(&one_mail).await?;
        }
        came
    }

    /// One of the mails that this hour has for a lane.
    fn one_mail(&self, lane: Lane, now: UnixTime) -> Spending {
        let brake = match lane {
            Lane::Known => self.brake.known(),
            Lane::Outside => self.brake.outside(),
        };
        brake.spending(BRAKE, now)
    }

    /// Who gets the mail; or how the request ends, where nobody does.
    async fn addressee(&self, request: &MailRequest, now: UnixTime) -> Result<Result<Addressee, End>, StoreError> {
        let too_old = request.is_too_old(now);
        let status = if too_old { Status::Expired } else { Status::NoAccount };
        let nobody = End { status, account: None, reason: None };
        // A name that nobody bears costs one read.
        let Some(entry) = self.directory.entry(&request.requested_account).await? else { return Ok(Err(nobody)) };
        let Some(Standing { version, active }) = self.credentials.standing(&request.requested_account).await? else {
            return Ok(Err(nobody));
        };
        let status = match &entry.email {
            _ if too_old => Status::Expired,
            _ if !active => Status::Inactive,
            None => Status::NoMailbox,
            Some(_) if request.kind != Kind::Notice && entry.shared_mailbox => Status::SharedMailbox,
            Some(_) if entry.bounced_at.is_some() => Status::Suppressed,
            Some(address) => return Ok(Ok(Addressee { address: address.clone(), entry, version })),
        };
        Ok(Err(End { status, account: Some(entry.account), reason: None }))
    }

    /// The letter; a link is counted on the mailbox before it is made.
    async fn letter(
        &self,
        request: &MailRequest,
        to: &Addressee,
        now: UnixTime,
    ) -> Result<Result<Letter, Came>, StoreError> {
        let Some(purpose) = request.kind.purpose() else {
            return Ok(Ok(self.desk.notice(&to.entry, request.created_at)));
        };
        let spendings = quotas_of_a_mailbox(&to.address, request.id.lane(), now);
        Ok(match self.mail_requests.count(request, &self.throttles, &spendings).await? {
            Counted::Yes => Ok(self.letter_with_link(request, purpose, to, now).await?),
            Counted::Capped => Err(ended(to, Status::Capped)),
            Counted::NotOurs => Err(Came::NotOurs),
        })
    }

    async fn post(&self, request: &MailRequest, to: &Addressee, now: UnixTime) -> Result<Came, StoreError> {
        let letter = match self.letter(request, to, now).await? {
            Ok(letter) => letter,
            Err(came) => return Ok(came),
        };
        rehearsal::point("mailer.before_ses", &request.id.brief());
        let posted = self.post.send(&to.address, &letter, &request.id).await;
        rehearsal::point("mailer.after_ses", &request.id.brief());
        let account = Some(to.entry.account.clone());
        Ok(match posted {
            Posted::Accepted => {
                self.note(request).await;
                ended(to, Status::Sent)
            }
            Posted::NotNow => Came::Held(Why::Ses),
            Posted::TryAgain if request.attempts < MAX_ATTEMPTS => Came::Again,
            Posted::TryAgain => failed(account, "unanswered"),
            Posted::Refused(code) => failed(account, &code),
        })
    }

    /// Makes the link. The plain token exists here and in the mail, nowhere else.
    async fn letter_with_link(
        &self,
        request: &MailRequest,
        purpose: Purpose,
        to: &Addressee,
        now: UnixTime,
    ) -> Result<Letter, StoreError> {
        let plain = PlainToken::from_random(chance::bytes());
        let token = Token {
            token_hash: plain.hash(),
            account: to.entry.account.clone(),
            purpose,
            version: to.version,
            expires_at: now + self.link_lifetime,
            used_at: None,
            receipt: None,
            for_request: request.id.request.clone(),
        };
        self.tokens.put(&token).await?;
        rehearsal::point("mailer.after_token_put", &request.id.brief());
        Ok(self.desk.link(&to.entry, purpose, &plain, token.expires_at))
    }

    /// The mail is out, so that its event could not be noted must not send it again.
    async fn note(&self, request: &MailRequest) {
        if request.kind == Kind::Notice {
            return;
        }
        let origin = Origin { client_class: request.client_class, device: request.device.clone() };
        let event = Event { happened_at: clock::now(), what: What::LinkMailed, origin };
        if let Err(error) = self.events.note(&request.id.name_key, &event).await {
            tracing::error!(mail.request = request.id.brief(), error.chain = chain(&error), "event not noted");
        }
    }
}

fn count_end(status: Status) {
    match status {
        Status::Sent => metrics::count(Metric::EmailsSent),
        Status::Failed | Status::Expired => metrics::count(Metric::EmailsFailed),
        _ => {}
    }
}

fn ended(to: &Addressee, status: Status) -> Came {
    Came::To(End { status, account: Some(to.entry.account.clone()), reason: None })
}

fn failed(account: Option<AccountName>, reason: &str) -> Came {
    Came::To(End { status: Status::Failed, account, reason: Some(reason.to_owned()) })
}
