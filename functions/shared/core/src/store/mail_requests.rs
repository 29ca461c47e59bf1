//! `MailRequests`: the outbox. What is asked for is put here and mailed from here, whoever is killed in between.

use super::events::Origin;
use super::throttles::{Throttles, wait};
use super::transaction::{Outcome, write_all};
use super::{Item, StoreError, Table, failed, if_held, number, read, text, write};
use crate::account::AccountName;
use crate::chance;
use crate::class::Class;
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::quota::Spending;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One request for a name and kind in so long; what comes within is the same request.
const BUCKET: i64 = 120;
/// A mailer that took a request has so long; then another may take it.
const LEASE: Duration = Duration::from_mins(1);
/// Mails of one request at most, whatever goes wrong.
pub const MAX_ATTEMPTS: u32 = 3;
/// What was not mailed within an hour is not mailed any more.
const LIFE: Duration = Duration::from_hours(1);
/// How long a request can be looked at afterwards.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What is to be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A link to set the first password.
    Register,
    /// A link to set a new one.
    RequestReset,
    /// The notice that the password was changed.
    Notice,
}

impl Kind {
    /// As it is written in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::RequestReset => "request-reset",
            Self::Notice => "notice",
        }
    }
}

/// Where a request stands. `Pending` and `Sending` are under way, all else is the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Waits for a mailer.
    Pending,
    /// A mailer has it.
    Sending,
    /// SES took the mail.
    Sent,
    /// Nobody has this account.
    NoAccount,
    /// The account may not be used.
    Inactive,
    /// The directory has no mail address for it.
    NoMailbox,
    /// A colleague has the same mail address.
    SharedMailbox,
    /// So many links went to this mailbox today that no more do.
    Capped,
    /// SES refused for good, or three times.
    Failed,
    /// Not sent within an hour.
    Expired,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::NoAccount => "no-account",
            Self::Inactive => "inactive",
            Self::NoMailbox => "no-mailbox",
            Self::SharedMailbox => "shared-mailbox",
            Self::Capped => "capped",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// Which request: the keyed hash of the name; kind, class and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId {
    /// The keyed hash of the name that was typed.
    pub name_key: AccountKey,
    /// Kind ‖ class ‖ 2-minute bucket, or kind ‖ version for a notice.
    pub request: String,
}

impl RequestId {
    /// The request in letters, digits, `-` and `.` alone, as it goes into SES's message tags beside the hash of the name.
    #[must_use]
    pub fn tag(&self) -> String {
        self.request.replace('#', ".")
    }

    /// What follows a request from the door to the mail in the log.
    #[must_use]
    pub fn brief(&self) -> String {
        format!("{}.{}", self.name_key.brief(), self.tag())
    }

    /// The lane in which it waits, as the door wrote into the key. A notice waits with those who are known.
    #[must_use]
    pub fn lane(&self) -> Lane {
        if self.request.split('#').nth(1) == Some(door_of(Class::U)) { Lane::Outside } else { Lane::Known }
    }
}

/// Where requests wait for a mailer. Each lane has partitions of its own in the sparse index of what is not at its end,
/// so that what strangers ask for, however much it is, stands before no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Notices, and what was asked for where one is known.
    Known,
    /// What was asked for from outside.
    Outside,
}

impl Lane {
    /// The partition of what no mailer has come to yet, or what met a fault.
    fn waiting(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Outside => "outside",
        }
    }

    /// The partition of what a mailer held back.
    fn held(self) -> &'static str {
        match self {
            Self::Known => "known-held",
            Self::Outside => "outside-held",
        }
    }
}

/// A request, as a mailer takes it.
#[derive(Clone, Serialize, Deserialize)]
pub struct MailRequest {
    /// Which.
    #[serde(flatten)]
    pub id: RequestId,
    /// The name that was typed, in canonical form. Kept until the end state only.
    pub typed: AccountName,
    /// What is to be mailed.
    pub kind: Kind,
    /// From where it was asked.
    pub client_class: Class,
    /// The coarse device it was asked from.
    pub device: String,
    /// When.
    pub created_at: UnixTime,
    /// How many mailers have taken it, this one included.
    pub attempts: u32,
    /// Whether it is counted on its mailbox.
    counted: bool,
    /// The mark of the mailer that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
}

#[derive(Serialize)]
struct NewItem<'a> {
    #[serde(flatten)]
    request: &'a MailRequest,
    status: Status,
    due: &'static str,
    due_at: UnixTime,
    ttl: UnixTime,
}

impl MailRequest {
    /// A request at the door: by the client's class, from where its address tells.
    #[must_use]
    pub fn at_the_door(
        typed: AccountName,
        name_key: AccountKey,
        kind: Kind,
        class: Class,
        from: Origin,
        now: UnixTime,
    ) -> Self {
        let request = format!("{}#{}#{}", kind.as_str(), door_of(class), now.0 / BUCKET);
        Self {
            id: RequestId { name_key, request },
            typed,
            kind,
            client_class: from.client_class,
            device: from.device,
            created_at: now,
            attempts: 0,
            counted: false,
            claim: None,
        }
    }

    /// The notice of the change that made this version.
    #[must_use]
    pub fn notice(
        account: AccountName,
        name_key: AccountKey,
        version: u64,
        class: Class,
        device: String,
        now: UnixTime,
    ) -> Self {
        let request = format!("{}#{version}", Kind::Notice.as_str());
        Self {
            id: RequestId { name_key, request },
            typed: account,
            kind: Kind::Notice,
            client_class: class,
            device,
            created_at: now,
            attempts: 0,
            counted: false,
            claim: None,
        }
    }

    fn claim(&self) -> &str {
        self.claim.as_deref().unwrap_or_default()
    }

    /// Whether it is too old to be mailed.
    #[must_use]
    pub fn is_too_old(&self, now: UnixTime) -> bool {
        self.created_at + LIFE <= now
    }

    fn item(&self) -> Result<Item, StoreError> {
        let ttl = self.created_at + KEPT;
        write(&NewItem {
            request: self,
            status: Status::Pending,
            due: self.id.lane().waiting(),
            due_at: self.created_at,
            ttl,
        })
    }
}

/// From outside, and from where one is known: neither silences the mail of the other.
#[must_use]
pub fn door_of(class: Class) -> &'static str {
    match class {
        Class::U => "U",
        Class::D | Class::M => "K",
    }
}

/// A request that may be taken up.
#[derive(Clone, Deserialize)]
pub struct Due {
    /// Which.
    #[serde(flatten)]
    pub id: RequestId,
    /// Since when.
    pub due_at: UnixTime,
}

/// What came of the attempt to take a request.
#[must_use]
pub enum Claim {
    /// It is ours for a minute.
    Taken(Box<MailRequest>),
    /// Another mailer has it, or it is at its end.
    NotDue,
    /// It was taken three times and never came to an end.
    Exhausted,
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
        let Table { client, name } = &self.0;
        let claim = URL_SAFE_NO_PAD.encode(chance::bytes::<16>());
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(id)))
            .update_expression(
                "SET #status = :sending, attempts = attempts + :one, due_at = :lease_end, claim = :claim",
            )
            // A fresh one is taken at once, also by a mailer whose clock is behind the one that put it.
            .condition_expression(
                "attempts < :max AND ((#status = :pending AND attempts = :none) \
                 OR (#status IN (:pending, :sending) AND due_at <= :now))",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pending", text(Status::Pending.as_str()))
            .expression_attribute_values(":sending", text(Status::Sending.as_str()))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(MAX_ATTEMPTS))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":lease_end", number((now + LEASE).0))
            .expression_attribute_values(":claim", text(&claim))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(taken) => Ok(Claim::Taken(Box::new(read(taken.attributes.unwrap_or_default())?))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let old = refused.item().cloned().unwrap_or_default();
                    // This very call took it at its first try, whose answer was lost on the way.
                    if old.get("claim") == Some(&text(&claim)) {
                        return Ok(Claim::Taken(Box::new(read(old)?)));
                    }
                    Ok(if is_exhausted(old, now) { Claim::Exhausted } else { Claim::NotDue })
                }
                _ => Err(failed("take a mail request")(error)),
            },
        }
    }

    /// Brings a request to its end; the typed name goes. Nothing happens where another mailer has taken it since
    /// (`attempts` is then another), or where it is at its end already.
    pub async fn finish(&self, id: &RequestId, attempts: u32, status: Status) -> Result<(), StoreError> {
        self.settle(id, attempts, "SET #status = :status REMOVE typed, due, due_at", status, None).await
    }

    /// Gives a request back, to be taken again after a while.
    pub async fn put_back(&self, id: &RequestId, attempts: u32, until: UnixTime) -> Result<(), StoreError> {
        let update = "SET #status = :status, due = :due, due_at = :until";
        self.settle(id, attempts, update, Status::Pending, Some(until)).await
    }

    /// Holds a request back: nothing was mailed, and this attempt does not count. It waits by its age. The condition is
    /// the claim, since a number of attempts that goes down again does not tell who has the request.
    pub async fn hold(&self, request: &MailRequest) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(&request.id)))
            .update_expression(
                "SET #status = :pending, due = :held, due_at = created_at, attempts = attempts - :one REMOVE claim",
            )
            .condition_expression("claim = :claim AND #status = :sending")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":pending", text(Status::Pending.as_str()))
            .expression_attribute_values(":sending", text(Status::Sending.as_str()))
            .expression_attribute_values(":held", text(request.id.lane().held()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":claim", text(request.claim()))
            .send()
            .await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "hold a mail request").map(drop)
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
            .condition_expression("claim = :claim AND #status = :sending")
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

    async fn settle(
        &self,
        id: &RequestId,
        attempts: u32,
        update: &str,
        status: Status,
        until: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let mut call = client
            .update_item()
            .table_name(name)
            .set_key(Some(key(id)))
            .update_expression(update)
            .condition_expression("attempts = :attempts AND attribute_exists(due)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status.as_str()))
            .expression_attribute_values(":attempts", number(attempts));
        if let Some(until) = until {
            call = call
                .expression_attribute_values(":until", number(until.0))
                .expression_attribute_values(":due", text(id.lane().waiting()));
        }
        let answer = call.send().await;
        if_held(answer, UpdateItemError::is_conditional_check_failed_exception, "settle a mail request").map(drop)
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
            .index_name("by_due")
            .key_condition_expression("due = :due AND due_at <= :now")
            .projection_expression("name_key, #request, due_at")
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

fn is_exhausted(item: Item, now: UnixTime) -> bool {
    #[derive(Deserialize)]
    struct Lease {
        attempts: u32,
        due_at: Option<UnixTime>,
    }
    read::<Lease>(item)
        .is_ok_and(|lease| lease.attempts >= MAX_ATTEMPTS && lease.due_at.is_some_and(|due_at| due_at <= now))
}

fn key(id: &RequestId) -> Item {
    [("name_key".to_owned(), text(id.name_key.as_str())), ("request".to_owned(), text(&id.request))].into()
}
