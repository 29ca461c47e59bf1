//! `MailRequests`: the outbox. What is asked for is put here and mailed from here, whoever is killed in between.

use super::mail_request::{LAYOUT, LIFE, Lane, MailRequest, RequestId, Status};
use super::throttles::{Throttles, wait};
use super::transaction::{Outcome, write_all};
use super::{Item, StoreError, Table, failed, if_held, new_or_old, number, read, text};
use crate::account::AccountName;
use crate::chance;
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::quota::Spending;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::time::Duration;

/// A mailer that took a request has so long; then another may take it.
const LEASE: Duration = Duration::from_mins(1);
/// Mails of one request at most, whatever goes wrong.
pub const MAX_ATTEMPTS: u32 = 3;
/// The request still bears the mark of this mailer.
const OURS: &str = "claim = :claim AND #status = :sending";
/// The partition of the due index that the desk looks at.
pub(super) const DESK: &str = "desk";

/// A request that may be taken up.
#[derive(Clone, Deserialize)]
pub struct Due {
    /// Which.
    #[serde(flatten)]
    pub id: RequestId,
    /// Since when.
    pub next_attempt_at: UnixTime,
}

/// What came of the attempt to take a request.
#[must_use]
pub enum Claim {
    /// It is ours for a minute.
    Taken(Box<MailRequest>),
    /// Another mailer has it, or it is at its end.
    NotDue,
    /// It was taken three times and never came to an end. It still bears the mark of the last who took it.
    Exhausted(Box<MailRequest>),
    /// It is no request in any form that is known, and was brought to its end as that.
    Unreadable,
}

/// How a request ends.
#[derive(Debug)]
pub struct End {
    /// As what.
    pub status: Status,
    /// Whose it was, where the directory knows; the name that was typed goes.
    pub account: Option<AccountName>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Whether a request is counted on its mailbox.
#[must_use]
pub enum Counted {
    /// It is, now or since an earlier attempt.
    Yes,
    /// No more go to this mailbox today.
    Capped,
    /// Another mailer has the request by now.
    NotOurs,
}

/// Whether a request was taken.
#[must_use]
pub enum Accepted {
    /// It was, now or up to two minutes ago.
    Yes,
    /// Too many were asked for; so long until the next.
    QuotaUsedUp(Duration),
}

/// The `MailRequests` table.
pub struct MailRequests(pub Table);

impl MailRequests {
    /// That which `MAIL_REQUESTS_TABLE` names.
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Table::from_env(client, "MAIL_REQUESTS_TABLE").map(Self)
    }

    /// Accepts a request and spends its quotas; a second one of its kind within two minutes is the first, and spends
    /// nothing.
    pub async fn accept(
        &self,
        request: &MailRequest,
        throttles: &Throttles,
        spendings: &[Spending],
    ) -> Result<Accepted, StoreError> {
        let mut items = spendings.iter().map(|spending| throttles.take(spending)).collect::<Result<Vec<_>, _>>()?;
        items.push(self.put(request)?);
        Ok(match write_all(&self.0.client, "accept a mail request", items).await? {
            Outcome::Committed => Accepted::Yes,
            Outcome::Refused(at) if at.contains(&spendings.len()) => Accepted::Yes,
            Outcome::Refused(used_up) => Accepted::QuotaUsedUp(wait(spendings, &used_up, request.created_at)),
        })
    }

    /// In a transaction: puts a request, once for each of its keys; of a notice, once for each version.
    pub(super) fn put(&self, request: &MailRequest) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.0.name)
            .set_item(Some(request.item()?))
            .condition_expression("attribute_not_exists(name_key)")
            .build();
        Ok(TransactWriteItem::builder().put(put.map_err(failed("put a mail request"))?).build())
    }

    /// Takes a request that waits, or whose mailer has not come to an end in its minute.
    pub async fn claim(&self, id: &RequestId, now: UnixTime) -> Result<Claim, StoreError> {
        let claim = URL_SAFE_NO_PAD.encode(chance::bytes::<16>());
        let answer = self
            .update(id, "SET #status = :sending, attempts = attempts + :one, next_attempt_at = :lease_end, claim = :claim")
            // A fresh one is taken at once, also by a mailer whose clock is behind the one that put it.
            .condition_expression(
                "attempts < :max AND ((#status = :pending AND attempts = :none) \
                 OR (#status IN (:pending, :sending) AND next_attempt_at <= :now)) \
                 AND (attribute_not_exists(schema_version) OR schema_version <= :schema_version OR created_at <= :dead)",
            )
            .expression_attribute_values(":pending", text(Status::Pending.as_str()))
            .expression_attribute_values(":sending", text(Status::Sending.as_str()))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(MAX_ATTEMPTS))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":lease_end", number((now + LEASE).0))
            .expression_attribute_values(":claim", text(&claim))
            .expression_attribute_values(":schema_version", number(LAYOUT))
            .expression_attribute_values(":dead", number(now.0.saturating_sub_unsigned(LIFE.as_secs())))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = new_or_old(answer, "take a mail request")?.unwrap_or_else(Option::unwrap_or_default);
        // This very call may have taken it at its first try, whose answer was lost on the way.
        let taken = item.get("claim") == Some(&text(&claim));
        match read::<MailRequest>(item.clone()) {
            Ok(request) if taken => Ok(Claim::Taken(Box::new(request))),
            Ok(request) if is_exhausted(&item, now) => Ok(Claim::Exhausted(Box::new(request))),
            Err(_) if taken || cannot_be_taken(&item) => self.condemn(id, item.get("claim"), now).await,
            _ => Ok(Claim::NotDue),
        }
    }

    /// Ends what cannot be read, so that it stands in nobody's way and is seen.
    async fn condemn(
        &self,
        id: &RequestId,
        claim: Option<&AttributeValue>,
        now: UnixTime,
    ) -> Result<Claim, StoreError> {
        let mut call = self
            .update(
                id,
                "SET #status = :failed, reason = :reason, ended_at = :now, queue = :due, next_attempt_at = :now REMOVE requested_account",
            )
            .expression_attribute_values(":failed", text(Status::Failed.as_str()))
            .expression_attribute_values(":reason", text("unreadable"))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":due", text(DESK));
        call = match claim {
            Some(claim) => {
                call.condition_expression("claim = :claim").expression_attribute_values(":claim", claim.clone())
            }
            None => call.condition_expression("attribute_exists(name_key) AND attribute_not_exists(claim)"),
        };
        let ended = if_held(call.send().await, "end a mail request that cannot be read")?;
        Ok(if ended { Claim::Unreadable } else { Claim::NotDue })
    }

    /// Brings a request to its end; the typed name goes. Nothing happens where another mailer has taken it since, or where
    /// it is at its end already.
    pub async fn finish(&self, request: &MailRequest, end: &End, now: UnixTime) -> Result<(), StoreError> {
        let (mut set, mut remove) =
            ("SET #status = :status, ended_at = :now".to_owned(), " REMOVE requested_account, claim".to_owned());
        if end.account.is_some() {
            set += ", account = :account";
        }
        if end.reason.is_some() {
            set += ", reason = :reason";
        }
        if end.status.needs_a_hand() {
            set += ", queue = :desk, next_attempt_at = :now";
        } else {
            remove += ", queue, next_attempt_at";
        }
        let mut call = self
            .ours(request, &(set + &remove))
            .expression_attribute_values(":status", text(end.status.as_str()))
            .expression_attribute_values(":now", number(now.0));
        if let Some(account) = &end.account {
            call = call.expression_attribute_values(":account", text(account.as_str()));
        }
        if let Some(reason) = &end.reason {
            call = call.expression_attribute_values(":reason", text(reason));
        }
        if end.status.needs_a_hand() {
            call = call.expression_attribute_values(":desk", text(DESK));
        }
        settled(call, "end a mail request").await
    }

    /// Gives a request back whose mail may have gone out, to be tried again after a while.
    pub async fn put_back(&self, request: &MailRequest, until: UnixTime) -> Result<(), StoreError> {
        let update = "SET #status = :pending, queue = :due, next_attempt_at = :next_attempt_at REMOVE claim";
        self.wait(self.ours(request, update), request.id.lane().waiting(), until).await
    }

    /// Gives a request back that met a fault before anything was mailed; this attempt does not count.
    pub async fn release(&self, request: &MailRequest, until: UnixTime) -> Result<(), StoreError> {
        self.wait(self.uncounted(request), request.id.lane().waiting(), until).await
    }

    /// Holds a request back: nothing was mailed, and this attempt does not count. It waits by its age.
    pub async fn hold(&self, request: &MailRequest) -> Result<(), StoreError> {
        self.wait(self.uncounted(request), request.id.lane().held(), request.created_at).await
    }

    fn uncounted(&self, request: &MailRequest) -> UpdateItemFluentBuilder {
        let update = "SET #status = :pending, queue = :due, next_attempt_at = :next_attempt_at, attempts = attempts - :one REMOVE claim";
        self.ours(request, update).expression_attribute_values(":one", number(1))
    }

    async fn wait(
        &self,
        call: UpdateItemFluentBuilder,
        due: &str,
        next_attempt_at: UnixTime,
    ) -> Result<(), StoreError> {
        let call = call
            .expression_attribute_values(":pending", text(Status::Pending.as_str()))
            .expression_attribute_values(":due", text(due))
            .expression_attribute_values(":next_attempt_at", number(next_attempt_at.0));
        settled(call, "give a mail request back").await
    }

    /// An update on the condition that the request still bears the mark of this mailer: a number of attempts that goes
    /// down again would not tell who has it.
    fn ours(&self, request: &MailRequest, update: &str) -> UpdateItemFluentBuilder {
        self.update(&request.id, update)
            .condition_expression(OURS)
            .expression_attribute_values(":claim", text(request.claim()))
            .expression_attribute_values(":sending", text(Status::Sending.as_str()))
    }

    pub(super) fn update(&self, id: &RequestId, update: &str) -> UpdateItemFluentBuilder {
        let call = self.0.client.update_item().table_name(&self.0.name).set_key(Some(key(id)));
        call.update_expression(update).expression_attribute_names("#status", "status")
    }

    /// Counts a request on its mailbox, before it is mailed and once however often it is taken: the count and the
    /// request's mark are one transaction. What is refused leaves no count.
    pub async fn count(
        &self,
        request: &MailRequest,
        throttles: &Throttles,
        spendings: &[Spending],
    ) -> Result<Counted, StoreError> {
        if request.counted {
            return Ok(Counted::Yes);
        }
        let mark = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(key(&request.id)))
            .update_expression("SET counted = :yes")
            .condition_expression(OURS)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":claim", text(request.claim()))
            .expression_attribute_values(":sending", text(Status::Sending.as_str()))
            .build()
            .map_err(failed("count a mail request"))?;
        let mut items = vec![TransactWriteItem::builder().update(mark).build()];
        for spending in spendings {
            items.push(throttles.take(spending)?);
        }
        Ok(match write_all(&self.0.client, "count a mail request", items).await? {
            Outcome::Committed => Counted::Yes,
            Outcome::Refused(at) if at.contains(&0) => Counted::NotOurs,
            Outcome::Refused(_) => Counted::Capped,
        })
    }

    /// The requests of a lane that are due: those that were held first, then the others, each oldest first and at most
    /// `limit`.
    pub async fn due(&self, lane: Lane, now: UnixTime, limit: i32) -> Result<Vec<Due>, StoreError> {
        let mut due = self.partition(lane.held(), now, limit).await?;
        due.extend(self.partition(lane.waiting(), now, limit).await?);
        Ok(due)
    }

    /// Whether requests of this lane are held.
    pub async fn are_held(&self, lane: Lane, now: UnixTime) -> Result<bool, StoreError> {
        Ok(!self.partition(lane.held(), now, 1).await?.is_empty())
    }

    async fn partition(&self, due: &str, now: UnixTime, limit: i32) -> Result<Vec<Due>, StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .query()
            .table_name(name)
            .index_name("by_queue")
            .key_condition_expression("queue = :due AND next_attempt_at <= :now")
            .projection_expression("name_key, #request, next_attempt_at")
            .expression_attribute_names("#request", "request")
            .expression_attribute_values(":due", text(due))
            .expression_attribute_values(":now", number(now.0))
            .limit(limit)
            .send()
            .await;
        let items = answer.map_err(failed("look for due mail requests"))?.items.unwrap_or_default();
        items.into_iter().map(read).collect()
    }
}

async fn settled(call: UpdateItemFluentBuilder, doing: &'static str) -> Result<(), StoreError> {
    if_held(call.send().await, doing).map(drop)
}

fn is_exhausted(item: &Item, now: UnixTime) -> bool {
    #[derive(Deserialize)]
    struct Lease {
        status: Status,
        attempts: u32,
        next_attempt_at: UnixTime,
    }
    read::<Lease>(item.clone()).is_ok_and(|lease| {
        lease.status == Status::Sending && lease.attempts >= MAX_ATTEMPTS && lease.next_attempt_at <= now
    })
}

/// Whether a request is under way without a number of attempts, which no condition for taking it would ever meet.
fn cannot_be_taken(item: &Item) -> bool {
    let under_way = [Status::Pending, Status::Sending].map(|status| text(status.as_str()));
    item.get("status").is_some_and(|status| under_way.contains(status))
        && !item.get("attempts").is_some_and(AttributeValue::is_n)
}

pub(super) fn key(id: &RequestId) -> Item {
    [("name_key".to_owned(), text(id.name_key.as_str())), ("request".to_owned(), text(&id.request))].into()
}
