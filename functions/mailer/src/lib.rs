//! Takes mail requests, makes the links and sends the mails.
//!
//! The table is the outbox: the stream's bell and the minute's sweep both just say that there may be something to do,
//! and every request is claimed before it is worked on. So neither a lost bell nor a killed mailer loses a mail.

mod bell;
mod letter;
mod post;

use futures_util::{StreamExt, future, stream};
use guichet_core::clock::{self, UnixTime};
use guichet_core::config::{self, ConfigError};
use guichet_core::secret::PlainToken;
use guichet_core::store::credentials::Credentials;
use guichet_core::store::directory::{Directory, Entry};
use guichet_core::store::events::{Event, Events, Origin, What};
use guichet_core::store::mail_requests::{Claim, Kind, MAX_ATTEMPTS, MailRequest, MailRequests, RequestId, Status};
use guichet_core::store::tokens::{Purpose, Token, Tokens};
use guichet_core::store::{StoreError, Table};
use guichet_core::{aws, chance};
use lambda_runtime::{Error, LambdaEvent, tracing};
use letter::{Desk, Letter};
use post::{Post, Posted};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Requests worked on at once: SES answers in about 100 ms, and a new account may send one mail a second.
const AT_ONCE: usize = 4;
/// Requests that one sweep takes up; what is left waits for the next minute's.
const SWEEP: i32 = 200;
/// No request is taken up later than this, so that the function, which has 30 s, never ends in the middle of one: one
/// slow call of SES and of each table take less than the rest.
const WORKING_TIME: Duration = Duration::from_secs(15);
/// A request that met a fault waits so long for each attempt that was made.
const BACK_OFF: Duration = Duration::from_secs(20);

/// What the function needs.
pub struct Mailer {
    mail_requests: MailRequests,
    directory: Directory,
    credentials: Credentials,
    tokens: Tokens,
    events: Events,
    link_lifetime: Duration,
    desk: Desk,
    post: Post,
}

impl Mailer {
    /// As the template's variables say.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let aws = aws::config().await;
        let client = aws::dynamodb(&aws);
        let table = |variable| Table::from_env(&client, variable);
        Ok(Self {
            mail_requests: MailRequests(table("MAIL_REQUESTS_TABLE")?),
            directory: Directory(table("DIRECTORY_TABLE")?),
            credentials: Credentials(table("CREDENTIALS_TABLE")?),
            tokens: Tokens(table("TOKENS_TABLE")?),
            events: Events(table("EVENTS_TABLE")?),
            link_lifetime: config::link_lifetime()?,
            desk: Desk::from_env()?,
            post: Post::from_env(&aws)?,
        })
    }

    /// Works on the requests that a stream event names, or on all that are due. One request's fault is its own: the
    /// event as a whole succeeds, and the sweep comes back to what is left.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Error> {
        let ids = match bell::requests(&event.payload) {
            Some(ids) => ids,
            None => self.mail_requests.due(clock::now(), SWEEP).await?,
        };
        let started = Instant::now();
        let in_time = stream::iter(&ids).take_while(|_| future::ready(started.elapsed() < WORKING_TIME));
        in_time.for_each_concurrent(AT_ONCE, |id| self.work(id)).await;
        Ok(())
    }

    async fn work(&self, id: &RequestId) {
        let account_key = id.name_key.brief();
        match self.claim_and_mail(id).await {
            Ok(Some(status)) => tracing::info!(account.key = account_key, mail.status = ?status, "mail request ended"),
            Ok(None) => {}
            Err(error) => tracing::error!(account.key = account_key, error = ?error, "mail request left for later"),
        }
    }

    async fn claim_and_mail(&self, id: &RequestId) -> Result<Option<Status>, StoreError> {
        let now = clock::now();
        let request = match self.mail_requests.claim(id, now).await? {
            Claim::Taken(request) => request,
            Claim::NotDue => return Ok(None),
            Claim::Exhausted => {
                self.mail_requests.finish(id, MAX_ATTEMPTS, Status::Failed).await?;
                return Ok(Some(Status::Failed));
            }
        };
        let status = match self.mail(&request, now).await {
            Ok(status) => status,
            // The store did not answer: nothing is known of the account, and nothing was mailed.
            Err(error) => {
                self.put_back(&request, now).await?;
                return Err(error);
            }
        };
        match status {
            Some(status) => self.mail_requests.finish(id, request.attempts, status).await?,
            None => self.put_back(&request, now).await?,
        }
        Ok(status)
    }

    async fn put_back(&self, request: &MailRequest, now: UnixTime) -> Result<(), StoreError> {
        self.mail_requests.put_back(&request.id, request.attempts, now + BACK_OFF * request.attempts).await
    }

    /// The end that the request came to, or `None` where it is to be tried again.
    async fn mail(&self, request: &MailRequest, now: UnixTime) -> Result<Option<Status>, StoreError> {
        if request.is_too_old(now) {
            return Ok(Some(Status::Expired));
        }
        let Some(entry) = self.directory.entry(&request.typed).await? else { return Ok(Some(Status::NoAccount)) };
        let Some(standing) = self.credentials.standing(&request.typed).await? else {
            return Ok(Some(Status::NoAccount));
        };
        if !standing.active {
            return Ok(Some(Status::Inactive));
        }
        let Some(address) = entry.email.clone() else { return Ok(Some(Status::NoMailbox)) };
        let letter = match request.kind {
            Kind::Notice => self.desk.notice(&entry, request.created_at),
            Kind::Register | Kind::RequestReset if entry.shared_mailbox => return Ok(Some(Status::SharedMailbox)),
            Kind::Register => self.letter_with_link(request, Purpose::Register, &entry, standing.version, now).await?,
            Kind::RequestReset => {
                self.letter_with_link(request, Purpose::RequestReset, &entry, standing.version, now).await?
            }
        };
        Ok(match self.post.send(&address, &letter).await {
            Posted::Accepted => {
                self.note(request).await;
                Some(Status::Sent)
            }
            Posted::TryAgain if request.attempts < MAX_ATTEMPTS => None,
            Posted::TryAgain | Posted::Refused => Some(Status::Failed),
        })
    }

    /// Makes the link. The plain token exists here and in the mail, nowhere else.
    async fn letter_with_link(
        &self,
        request: &MailRequest,
        purpose: Purpose,
        entry: &Entry,
        version: u64,
        now: UnixTime,
    ) -> Result<Letter, StoreError> {
        let plain = PlainToken::from_random(chance::bytes());
        let token = Token {
            token_hash: plain.hash(),
            account: entry.account.clone(),
            purpose,
            version,
            expires_at: now + self.link_lifetime,
            used_at: None,
            receipt: None,
            for_request: request.id.request.clone(),
        };
        self.tokens.put(&token).await?;
        Ok(self.desk.link(entry, purpose, &plain, token.expires_at))
    }

    /// The mail is out, so that its event could not be noted must not send it again.
    async fn note(&self, request: &MailRequest) {
        if request.kind == Kind::Notice {
            return;
        }
        let origin = Origin { client_class: request.client_class, device: request.device.clone() };
        let event = Event { happened_at: clock::now(), what: What::LinkMailed, origin };
        if let Err(error) = self.events.note(&request.id.name_key, &event).await {
            tracing::error!(account.key = request.id.name_key.brief(), error = ?error, "event not noted");
        }
    }
}
