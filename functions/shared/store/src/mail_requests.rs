//! `MailRequests`: the outbox. A request is put here in the transaction that accepts it, and mailed from here under a lease, so
//! that neither a lost stream event nor a killed mailer loses a mail.

use crate::table::{
    Item, StoreError, Table, condition_met, from_item, n, s, store_error, to_item, updated_or_existing,
};
use crate::throttles::{Throttles, retry_after};
use crate::transaction::{TransactionOutcome, transact};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guichet_domain::account::AccountName;
use guichet_domain::mail_request::{MAX_AGE, MailRequest, Queue, RequestId, RequestStatus};
use guichet_domain::rate_limit::Charge;
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;
use guichet_platform::random;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a mailer may work on a request before another one may lease it.
const LEASE_DURATION: Duration = Duration::from_mins(1);
/// Attempts per request.
pub const MAX_ATTEMPTS: u32 = 3;
/// How long a request is stored for the desk.
const RETENTION: Duration = Duration::from_hours(30 * 24);
/// A mailer leases no request of a newer schema: during a deployment it leaves them to the new one.
const SCHEMA_VERSION: u32 = 1;
/// The mailer still has its lease. The attempt count is no substitute, because it can decrease.
const IF_LEASED: &str = "lease = :lease AND #status = :sending";
/// The desk's partition of the queue index.
pub const DESK: &str = "desk";

#[derive(Serialize)]
struct NewItem<'a> {
    #[serde(flatten)]
    request: &'a MailRequest,
    schema_version: u32,
    status: RequestStatus,
    queue: &'static str,
    next_attempt_at: UnixTime,
    ttl: UnixTime,
}

/// A request that may be leased.
#[derive(Clone, Deserialize)]
pub struct DueRequest {
    #[serde(flatten)]
    pub id: RequestId,
    pub next_attempt_at: UnixTime,
}

/// The outcome of an attempt to lease a request.
#[must_use]
pub enum Lease {
    Granted(Box<MailRequest>),
    /// Another mailer has it, it waits for a retry, or it has ended.
    NotDue,
    /// [`MAX_ATTEMPTS`] leases ended without a result. The last lease is still set.
    Exhausted(Box<MailRequest>),
    /// The item is not a request in a known form. It was marked as failed.
    Malformed,
}

/// The final state that a mailer gives a request.
#[derive(Debug)]
pub struct RequestOutcome {
    pub status: RequestStatus,
    /// The account, if the directory knows it.
    pub account: Option<AccountName>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// The outcome of charging a mailbox's rate limits.
#[must_use]
pub enum MailboxCharge {
    /// Charged, now or in an earlier attempt.
    Charged,
    LimitReached,
    /// Another mailer has the request now.
    LeaseLost,
}

/// Whether a request was accepted.
#[must_use]
pub enum Acceptance {
    /// Accepted now, or as a duplicate of a request in the same deduplication window.
    Accepted,
    RateLimited(Duration),
}

pub struct MailRequests(pub Table);

impl MailRequests {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "MAIL_REQUESTS_TABLE").map(Self)
    }

    /// Puts a request and charges its rate limits in one transaction. A duplicate is accepted without a charge.
    pub async fn accept(
        &self,
        request: &MailRequest,
        throttles: &Throttles,
        charges: &[Charge],
    ) -> Result<Acceptance, StoreError> {
        let mut items = charges.iter().map(|charge| throttles.charge_item(charge)).collect::<Result<Vec<_>, _>>()?;
        items.push(self.put(request)?);
        Ok(match transact(&self.0.client, "accept a mail request", items).await? {
            TransactionOutcome::Committed => Acceptance::Accepted,
            TransactionOutcome::ConditionFailed(at) if at.contains(&charges.len()) => Acceptance::Accepted,
            TransactionOutcome::ConditionFailed(at) => {
                Acceptance::RateLimited(retry_after(charges, &at, request.created_at))
            }
        })
    }

    /// Transaction item: puts a request, if its key is new.
    pub fn put(&self, request: &MailRequest) -> Result<TransactWriteItem, StoreError> {
        let item = to_item(&NewItem {
            request,
            schema_version: SCHEMA_VERSION,
            status: RequestStatus::Pending,
            queue: request.id.queue().ready_key(),
            next_attempt_at: request.created_at,
            ttl: request.created_at + RETENTION,
        })?;
        let put = Put::builder()
            .table_name(&self.0.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(account_key)")
            .build();
        Ok(TransactWriteItem::builder().put(put.map_err(store_error("put a mail request"))?).build())
    }

    /// Leases a request that is new, due for a retry, or whose lease has expired.
    pub async fn lease(&self, id: &RequestId, now: UnixTime) -> Result<Lease, StoreError> {
        let lease = URL_SAFE_NO_PAD.encode(random::bytes::<16>());
        let output = self
            .update(
                id,
                "SET #status = :sending, attempts = attempts + :one, next_attempt_at = :lease_end, lease = :lease",
            )
            // A new request is leased even by a mailer whose clock is behind that of the function that put it.
            .condition_expression(
                "attempts < :max AND ((#status = :pending AND attempts = :none) \
                 OR (#status IN (:pending, :sending) AND next_attempt_at <= :now)) \
                 AND (attribute_not_exists(schema_version) OR schema_version <= :schema_version OR created_at <= :expired)",
            )
            .expression_attribute_values(":pending", s(RequestStatus::Pending.as_str()))
            .expression_attribute_values(":sending", s(RequestStatus::Sending.as_str()))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":max", n(MAX_ATTEMPTS))
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":lease_end", n((now + LEASE_DURATION).0))
            .expression_attribute_values(":lease", s(&lease))
            .expression_attribute_values(":schema_version", n(SCHEMA_VERSION))
            .expression_attribute_values(":expired", n(now.0.saturating_sub_unsigned(MAX_AGE.as_secs())))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = updated_or_existing(output, "lease a mail request")?.unwrap_or_else(Option::unwrap_or_default);
        // The SDK may have retried after a lost response: then the condition failed, and the item has our lease.
        let is_ours = item.get("lease") == Some(&s(&lease));
        match from_item::<MailRequest>(item.clone()) {
            Ok(request) if is_ours => Ok(Lease::Granted(Box::new(request))),
            Ok(request) if is_exhausted(&item, now) => Ok(Lease::Exhausted(Box::new(request))),
            Err(_) if is_ours || can_never_be_leased(&item) => self.mark_malformed(id, item.get("lease"), now).await,
            _ => Ok(Lease::NotDue),
        }
    }

    /// Fails a malformed item, so that it does not block its queue and the desk sees it.
    async fn mark_malformed(
        &self,
        id: &RequestId,
        lease: Option<&AttributeValue>,
        now: UnixTime,
    ) -> Result<Lease, StoreError> {
        let mut call = self
            .update(
                id,
                "SET #status = :failed, reason = :reason, ended_at = :now, queue = :desk, next_attempt_at = :now \
                 REMOVE requested_account",
            )
            .expression_attribute_values(":failed", s(RequestStatus::Failed.as_str()))
            .expression_attribute_values(":reason", s("unreadable"))
            .expression_attribute_values(":now", n(now.0))
            .expression_attribute_values(":desk", s(DESK));
        call = match lease {
            Some(lease) => {
                call.condition_expression("lease = :lease").expression_attribute_values(":lease", lease.clone())
            }
            None => call.condition_expression("attribute_exists(account_key) AND attribute_not_exists(lease)"),
        };
        let marked = condition_met(call.send().await, "fail a malformed mail request")?;
        Ok(if marked { Lease::Malformed } else { Lease::NotDue })
    }

    /// Ends a request and deletes the name that was entered. Nothing happens if the lease is lost.
    pub async fn finish(
        &self,
        request: &MailRequest,
        outcome: &RequestOutcome,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let (mut set, mut remove) =
            ("SET #status = :status, ended_at = :now".to_owned(), " REMOVE requested_account, lease".to_owned());
        if outcome.account.is_some() {
            set += ", account = :account";
        }
        if outcome.reason.is_some() {
            set += ", reason = :reason";
        }
        if outcome.status.needs_attention() {
            set += ", queue = :desk, next_attempt_at = :now";
        } else {
            remove += ", queue, next_attempt_at";
        }
        let mut call = self
            .if_leased(request, &(set + &remove))
            .expression_attribute_values(":status", s(outcome.status.as_str()))
            .expression_attribute_values(":now", n(now.0));
        if let Some(account) = &outcome.account {
            call = call.expression_attribute_values(":account", s(account.as_str()));
        }
        if let Some(reason) = &outcome.reason {
            call = call.expression_attribute_values(":reason", s(reason));
        }
        if outcome.status.needs_attention() {
            call = call.expression_attribute_values(":desk", s(DESK));
        }
        condition_met(call.send().await, "end a mail request").map(drop)
    }

    /// Returns a request whose mail may have been sent, for a retry at `until`. The attempt counts.
    pub async fn retry_later(&self, request: &MailRequest, until: UnixTime) -> Result<(), StoreError> {
        let update = "SET #status = :pending, queue = :queue, next_attempt_at = :next_attempt_at REMOVE lease";
        self.enqueue(self.if_leased(request, update), request.id.queue().ready_key(), until).await
    }

    /// Returns a request that failed before anything was sent. The attempt does not count.
    pub async fn release(&self, request: &MailRequest, until: UnixTime) -> Result<(), StoreError> {
        self.enqueue(self.uncounted(request), request.id.queue().ready_key(), until).await
    }

    /// Defers a request: nothing was sent, and the attempt does not count. Deferred requests keep their order by age.
    pub async fn defer(&self, request: &MailRequest) -> Result<(), StoreError> {
        self.enqueue(self.uncounted(request), request.id.queue().deferred_key(), request.created_at).await
    }

    fn uncounted(&self, request: &MailRequest) -> UpdateItemFluentBuilder {
        let update = "SET #status = :pending, queue = :queue, next_attempt_at = :next_attempt_at, \
                      attempts = attempts - :one REMOVE lease";
        self.if_leased(request, update).expression_attribute_values(":one", n(1))
    }

    async fn enqueue(&self, call: UpdateItemFluentBuilder, queue: &str, at: UnixTime) -> Result<(), StoreError> {
        let call = call
            .expression_attribute_values(":pending", s(RequestStatus::Pending.as_str()))
            .expression_attribute_values(":queue", s(queue))
            .expression_attribute_values(":next_attempt_at", n(at.0));
        condition_met(call.send().await, "return a mail request to its queue").map(drop)
    }

    fn if_leased(&self, request: &MailRequest, update: &str) -> UpdateItemFluentBuilder {
        self.update(&request.id, update)
            .condition_expression(IF_LEASED)
            .expression_attribute_values(":lease", s(lease_of(request)))
            .expression_attribute_values(":sending", s(RequestStatus::Sending.as_str()))
    }

    pub(crate) fn update(&self, id: &RequestId, update: &str) -> UpdateItemFluentBuilder {
        let call = self.0.client.update_item().table_name(&self.0.name).set_key(Some(key(id)));
        call.update_expression(update).expression_attribute_names("#status", "status")
    }

    /// Charges the mailbox's rate limits before the mail is sent, once per request however often it is leased: the
    /// charges and the request's mark are one transaction.
    pub async fn charge_mailbox(
        &self,
        request: &MailRequest,
        throttles: &Throttles,
        charges: &[Charge],
    ) -> Result<MailboxCharge, StoreError> {
        const CONTEXT: &str = "charge the mailbox of a mail request";
        if request.mailbox_charged {
            return Ok(MailboxCharge::Charged);
        }
        let mark = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&request.id)))
            .update_expression("SET mailbox_charged = :yes")
            .condition_expression(IF_LEASED)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":lease", s(lease_of(request)))
            .expression_attribute_values(":sending", s(RequestStatus::Sending.as_str()))
            .build()
            .map_err(store_error(CONTEXT))?;
        let mut items = vec![TransactWriteItem::builder().update(mark).build()];
        for charge in charges {
            items.push(throttles.charge_item(charge)?);
        }
        Ok(match transact(&self.0.client, CONTEXT, items).await? {
            TransactionOutcome::Committed => MailboxCharge::Charged,
            TransactionOutcome::ConditionFailed(at) if at.contains(&0) => MailboxCharge::LeaseLost,
            TransactionOutcome::ConditionFailed(_) => MailboxCharge::LimitReached,
        })
    }

    /// The requests of a queue that are due: deferred ones first, each oldest first, and at most `limit` of each.
    pub async fn due(&self, queue: Queue, now: UnixTime, limit: i32) -> Result<Vec<DueRequest>, StoreError> {
        let mut due = self.due_in_partition(queue.deferred_key(), now, limit).await?;
        due.extend(self.due_in_partition(queue.ready_key(), now, limit).await?);
        Ok(due)
    }

    /// Whether the queue has deferred requests.
    pub async fn has_deferred(&self, queue: Queue, now: UnixTime) -> Result<bool, StoreError> {
        Ok(!self.due_in_partition(queue.deferred_key(), now, 1).await?.is_empty())
    }

    async fn due_in_partition(&self, queue: &str, now: UnixTime, limit: i32) -> Result<Vec<DueRequest>, StoreError> {
        let Table { client, name } = &self.0;
        let output = client
            .query()
            .table_name(name)
            .index_name("by_queue")
            .key_condition_expression("queue = :queue AND next_attempt_at <= :now")
            .projection_expression("account_key, #request, next_attempt_at")
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":queue", s(queue))
            .expression_attribute_values(":now", n(now.0))
            .limit(limit)
            .send()
            .await;
        let items = output.map_err(store_error("list due mail requests"))?.items.unwrap_or_default();
        items.into_iter().map(from_item).collect()
    }
}

fn lease_of(request: &MailRequest) -> &str {
    request.lease.as_deref().unwrap_or_default()
}

fn is_exhausted(item: &Item, now: UnixTime) -> bool {
    #[derive(Deserialize)]
    struct LeaseState {
        status: RequestStatus,
        attempts: u32,
        next_attempt_at: UnixTime,
    }
    from_item::<LeaseState>(item.clone())
        .is_ok_and(|it| it.status == RequestStatus::Sending && it.attempts >= MAX_ATTEMPTS && it.next_attempt_at <= now)
}

/// Whether a request is in progress but lacks `attempts`, so that no lease condition can ever be met.
fn can_never_be_leased(item: &Item) -> bool {
    let in_progress = [RequestStatus::Pending, RequestStatus::Sending].map(|status| s(status.as_str()));
    item.get("status").is_some_and(|status| in_progress.contains(status))
        && !item.get("attempts").is_some_and(AttributeValue::is_n)
}

#[must_use]
pub fn key(id: &RequestId) -> Item {
    [("account_key".to_owned(), s(id.account_key.as_str())), ("request".to_owned(), s(&id.request))].into()
}
