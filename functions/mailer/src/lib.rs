//! Leases mail requests, creates links, and sends mail.
//!
//! The table is the outbox. Stream and sweep events are only hints: every request is leased before it is processed. So
//! neither a lost stream event nor a killed mailer loses a mail.

mod ses;
mod stream;
mod template;

use futures_util::{FutureExt, StreamExt, future, stream as futures};
use guichet_domain::account::AccountName;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::event::{Event, EventKind};
use guichet_domain::mail_request::{MailRequest, Queue, RequestId, RequestKind, RequestStatus, mailbox_charges};
use guichet_domain::rate_limit::{Charge, EmailRateLimit};
use guichet_domain::reset_token::{LinkPurpose, ResetToken};
use guichet_domain::secret::PlainToken;
use guichet_domain::time::UnixTime;
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::failpoint::fail_point;
use guichet_platform::log::error_chain;
use guichet_platform::metrics::{self, Metric};
use guichet_platform::{clock, random, settings};
use guichet_store::StoreError;
use guichet_store::credentials::{CredentialStatus, Credentials};
use guichet_store::directory::{Directory, Entry};
use guichet_store::events::Events;
use guichet_store::mail_requests::{Lease, MAX_ATTEMPTS, MailRequests, MailboxCharge, RequestOutcome};
use guichet_store::throttles::Throttles;
use guichet_store::tokens::Tokens;
use lambda_runtime::{Error, LambdaEvent, tracing};
use serde_json::Value;
use ses::{SendOutcome, SesSender};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use template::{Branding, Email};

/// Requests in parallel. SES answers in about 100 ms, and a new SES account may send one mail per second.
const CONCURRENCY: usize = 4;
/// Requests that a sweep reads from each partition, more than it has time for. The next sweep continues.
const SWEEP_LIMIT: i32 = 200;
/// Subject of the rate limit on all mail.
const ALL_EMAILS: &str = "mailer#all-emails";
/// No request is started later than this. The function's timeout of 30 s leaves time for one slow call to SES and to
/// each table, so an invocation never times out in the middle of a request.
const WORKING_TIME: Duration = Duration::from_secs(15);
/// Linear backoff: a failed request waits `BACKOFF` × attempts.
const BACKOFF: Duration = Duration::from_secs(20);

/// What invoked the mailer. A request from the stream must not be sent before deferred ones; the sweep processes them
/// in order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Stream,
    Sweep,
}

/// The result of processing a request.
enum Outcome {
    Finished(RequestOutcome),
    /// The mail may have been sent or not. The attempt counts.
    Retry,
    /// Nothing was sent. The attempt does not count.
    Deferred(DeferReason),
    /// Another mailer has the request, or it is not due.
    LeaseLost,
}

#[derive(Debug)]
enum DeferReason {
    EmailRateLimit,
    /// SES accepts nothing now.
    Ses,
    /// Older requests of the queue are deferred; they go first.
    OlderRequests,
}

/// Ends processing before a mail is sent.
enum Halt {
    Outcome(Outcome),
    /// A table call failed: nothing is known about the account, and nothing was sent.
    Store(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Outcome> for Halt {
    fn from(outcome: Outcome) -> Self {
        Self::Outcome(outcome)
    }
}

struct Recipient {
    entry: Entry,
    address: EmailAddress,
    /// The version of the credentials that a link is issued for.
    version: u64,
}

pub struct Mailer {
    mail_requests: MailRequests,
    directory: Directory,
    credentials: Credentials,
    tokens: Tokens,
    throttles: Throttles,
    events: Events,
    rate_limit: EmailRateLimit,
    link_lifetime: Duration,
    branding: Branding,
    ses: SesSender,
}

impl Mailer {
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        Ok(Self {
            mail_requests: MailRequests::from_env(client)?,
            directory: Directory::from_env(client)?,
            credentials: Credentials::from_env(client)?,
            tokens: Tokens::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            events: Events::from_env(client)?,
            rate_limit: settings::email_rate_limit()?,
            link_lifetime: settings::link_lifetime()?,
            branding: Branding::from_env()?,
            ses: SesSender::from_env(aws)?,
        })
    }

    /// Processes the requests of a stream event, or all that are due. A failed request does not fail the event: the
    /// sweep retries it.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Error> {
        let started = Instant::now();
        let has_time = || started.elapsed() < WORKING_TIME;
        let Some(ids) = stream::inserted_requests(&event.payload) else { return Ok(self.sweep(has_time).await?) };
        let ids = futures::iter(&ids).take_while(|_| future::ready(has_time()));
        ids.for_each_concurrent(CONCURRENCY, async |id| {
            self.process(id, Trigger::Stream).await;
        })
        .await;
        Ok(())
    }

    /// Processes due requests oldest first, in batches. Stops a queue at the first deferral, because the rest would be
    /// deferred too.
    async fn sweep(&self, has_time: impl Fn() -> bool) -> Result<(), StoreError> {
        let now = clock::now();
        let trusted = self.mail_requests.due(Queue::Trusted, now, SWEEP_LIMIT).await?;
        let untrusted = self.mail_requests.due(Queue::Untrusted, now, SWEEP_LIMIT).await?;
        let oldest = trusted.iter().chain(&untrusted).map(|due| due.next_attempt_at).min();
        metrics::record(Metric::OldestRequestSeconds, oldest.map_or(0, |at| at.seconds_until(now)));
        self.record_directory_age(now).await;
        for queue in [trusted, untrusted] {
            for due in queue.chunks(CONCURRENCY) {
                if !has_time() {
                    return Ok(());
                }
                let outcomes = future::join_all(due.iter().map(|due| self.process(&due.id, Trigger::Sweep))).await;
                if outcomes.iter().any(|outcome| matches!(outcome, Some(Outcome::Deferred(_)))) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The sweep records this metric because the alarm on a missing import needs a value every minute. A failure must
    /// not block mail.
    async fn record_directory_age(&self, now: UnixTime) {
        match self.directory.imported_at().await {
            Ok(Some(at)) => metrics::record(Metric::DirectoryAgeSeconds, at.seconds_until(now)),
            Ok(None) => {}
            Err(error) => tracing::error!(error.chain = error_chain(&error), "directory age unknown"),
        }
    }

    /// Processes a request and logs its outcome; `None` after an error or a panic, which must not affect other
    /// requests.
    async fn process(&self, id: &RequestId, trigger: Trigger) -> Option<Outcome> {
        let request = id.log_id();
        let Ok(outcome) = AssertUnwindSafe(self.lease_and_send(id, trigger)).catch_unwind().await else {
            tracing::error!(mail.request = request, "panic while processing mail request");
            return None;
        };
        match &outcome {
            Ok(Outcome::Finished(RequestOutcome { status, reason, .. })) => {
                let status_text = status.as_str();
                tracing::info!(
                    mail.request = request,
                    mail.status = status_text,
                    mail.reason = reason,
                    "mail request finished"
                );
                count_outcome(*status);
            }
            Ok(Outcome::Deferred(reason)) => {
                tracing::warn!(mail.request = request, mail.defer_reason = ?reason, "mail request deferred");
                metrics::increment(Metric::EmailsDeferred);
            }
            Ok(Outcome::Retry | Outcome::LeaseLost) => {}
            Err(error) => {
                let chain = error_chain(error);
                tracing::error!(mail.request = request, error.chain = chain, "mail request will be retried");
            }
        }
        outcome.ok()
    }

    async fn lease_and_send(&self, id: &RequestId, trigger: Trigger) -> Result<Outcome, StoreError> {
        let now = clock::now();
        let request = match self.mail_requests.lease(id, now).await? {
            Lease::Granted(request) => request,
            Lease::NotDue => return Ok(Outcome::LeaseLost),
            Lease::Malformed => return Ok(failed(None, "unreadable")),
            Lease::Exhausted(request) => return self.give_up(&request, now).await,
        };
        fail_point("mailer.after_lease", &request.id.log_id());
        let outcome = match self.charge_and_send(&request, trigger, now).await {
            Ok(outcome) | Err(Halt::Outcome(outcome)) => outcome,
            Err(Halt::Store(error)) => {
                self.mail_requests.release(&request, now + BACKOFF).await?;
                return Err(error);
            }
        };
        fail_point("mailer.before_finish", &request.id.log_id());
        self.record_outcome(&request, &outcome, now).await?;
        Ok(outcome)
    }

    async fn give_up(&self, request: &MailRequest, now: UnixTime) -> Result<Outcome, StoreError> {
        let account = self.directory.entry(&request.requested_account).await?.map(|entry| entry.account);
        let outcome = failed(account, "unfinished");
        self.record_outcome(request, &outcome, now).await?;
        Ok(outcome)
    }

    async fn record_outcome(&self, request: &MailRequest, outcome: &Outcome, now: UnixTime) -> Result<(), StoreError> {
        match outcome {
            Outcome::Finished(outcome) => self.mail_requests.finish(request, outcome, now).await,
            Outcome::Retry => self.mail_requests.retry_later(request, now + BACKOFF * request.attempts).await,
            Outcome::Deferred(_) => self.mail_requests.defer(request).await,
            Outcome::LeaseLost => Ok(()),
        }
    }

    async fn charge_and_send(&self, request: &MailRequest, trigger: Trigger, now: UnixTime) -> Result<Outcome, Halt> {
        let recipient = self.recipient(request, now).await?;
        // Only deliverable requests get here: unknown names neither charge the rate limit nor are deferred.
        let queue = request.id.queue();
        if trigger == Trigger::Stream && self.mail_requests.has_deferred(queue, now).await? {
            return Ok(Outcome::Deferred(DeferReason::OlderRequests));
        }
        let charge = self.email_charge(queue, now);
        if !self.throttles.charge_hot_counter(&charge).await? {
            return Ok(Outcome::Deferred(DeferReason::EmailRateLimit));
        }
        let outcome = self.send(request, &recipient, now).await;
        // Refund what was certainly not handed to SES.
        if let Err(_) | Ok(Outcome::Deferred(_)) = outcome {
            self.throttles.refund_hot_counter(&charge).await?;
        }
        outcome
    }

    /// The charge of one mail on the rate limit over all mail.
    fn email_charge(&self, queue: Queue, now: UnixTime) -> Charge {
        let limit = match queue {
            Queue::Trusted => self.rate_limit.trusted(),
            Queue::Untrusted => self.rate_limit.untrusted(),
        };
        limit.new_charge(ALL_EMAILS, now)
    }

    /// Who receives the mail. If nobody does, the request ends.
    async fn recipient(&self, request: &MailRequest, now: UnixTime) -> Result<Recipient, Halt> {
        let is_expired = request.is_expired(now);
        let unknown = if is_expired { RequestStatus::Expired } else { RequestStatus::NoAccount };
        // An unknown name costs one read.
        let Some(entry) = self.directory.entry(&request.requested_account).await? else {
            return Err(finished(None, unknown).into());
        };
        let Some(CredentialStatus { version, active }) = self.credentials.status(&request.requested_account).await?
        else {
            return Err(finished(None, unknown).into());
        };
        let status = match &entry.email {
            _ if is_expired => RequestStatus::Expired,
            _ if !active => RequestStatus::Inactive,
            None => RequestStatus::NoMailbox,
            Some(_) if request.kind != RequestKind::Notice && entry.shared_mailbox => RequestStatus::SharedMailbox,
            Some(_) if entry.bounced_at.is_some() => RequestStatus::Suppressed,
            Some(address) => return Ok(Recipient { address: address.clone(), entry, version }),
        };
        Err(finished(Some(entry.account), status).into())
    }

    async fn send(&self, request: &MailRequest, to: &Recipient, now: UnixTime) -> Result<Outcome, Halt> {
        let email = self.render(request, to, now).await?;
        fail_point("mailer.before_ses", &request.id.log_id());
        let sent = self.ses.send(&to.address, &email, &request.id).await;
        fail_point("mailer.after_ses", &request.id.log_id());
        let account = Some(to.entry.account.clone());
        Ok(match sent {
            SendOutcome::Accepted => {
                self.record_link_mailed(request).await;
                finished(account, RequestStatus::Sent)
            }
            SendOutcome::Throttled => Outcome::Deferred(DeferReason::Ses),
            SendOutcome::Unknown if request.attempts < MAX_ATTEMPTS => Outcome::Retry,
            SendOutcome::Unknown => failed(account, "unanswered"),
            SendOutcome::Rejected(code) => failed(account, &code),
        })
    }

    /// Renders the mail. A link charges the mailbox's rate limits before it is created.
    async fn render(&self, request: &MailRequest, to: &Recipient, now: UnixTime) -> Result<Email, Halt> {
        let email = match request.kind.purpose() {
            None => self.branding.notice(&to.entry, request.created_at),
            Some(purpose) => {
                let charges = mailbox_charges(&to.address, request.id.queue(), now);
                match self.mail_requests.charge_mailbox(request, &self.throttles, &charges).await? {
                    MailboxCharge::Charged => {}
                    MailboxCharge::LimitReached => {
                        return Err(finished(Some(to.entry.account.clone()), RequestStatus::Capped).into());
                    }
                    MailboxCharge::LeaseLost => return Err(Outcome::LeaseLost.into()),
                }
                let (token, expires_at) = self.create_link(request, purpose, to, now).await?;
                self.branding.link(&to.entry, purpose, &token, expires_at)
            }
        };
        email.map_err(|error| {
            tracing::error!(error.chain = error_chain(&error), "email rendering failed");
            failed(Some(to.entry.account.clone()), "rendering").into()
        })
    }

    /// Stores a new token. The plain token exists only here and in the mail, so each attempt creates another one.
    async fn create_link(
        &self,
        request: &MailRequest,
        purpose: LinkPurpose,
        to: &Recipient,
        now: UnixTime,
    ) -> Result<(PlainToken, UnixTime), StoreError> {
        let plain = PlainToken::from_random(random::bytes());
        let expires_at = now + self.link_lifetime;
        let token = ResetToken {
            token_hash: plain.hash(),
            account: to.entry.account.clone(),
            purpose,
            version: to.version,
            expires_at,
            used_at: None,
            reuse_proof: None,
            for_request: request.id.request.clone(),
        };
        self.tokens.put(&token).await?;
        fail_point("mailer.after_token_put", &request.id.log_id());
        Ok((plain, expires_at))
    }

    /// A failure is logged only: the mail is sent, and must not be sent again.
    async fn record_link_mailed(&self, request: &MailRequest) {
        if request.kind == RequestKind::Notice {
            return;
        }
        let event = Event { happened_at: clock::now(), kind: EventKind::LinkMailed, client: request.client.clone() };
        if let Err(error) = self.events.record(&request.id.account_key, &event).await {
            let chain = error_chain(&error);
            tracing::error!(mail.request = request.id.log_id(), error.chain = chain, "event not recorded");
        }
    }
}

fn count_outcome(status: RequestStatus) {
    match status {
        RequestStatus::Sent => metrics::increment(Metric::EmailsSent),
        RequestStatus::Failed | RequestStatus::Expired => metrics::increment(Metric::EmailsFailed),
        _ => {}
    }
}

fn finished(account: Option<AccountName>, status: RequestStatus) -> Outcome {
    Outcome::Finished(RequestOutcome { status, account, reason: None })
}

fn failed(account: Option<AccountName>, reason: &str) -> Outcome {
    let reason = Some(reason.to_owned());
    Outcome::Finished(RequestOutcome { status: RequestStatus::Failed, account, reason })
}
