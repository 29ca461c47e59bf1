//! What SES tells of a mail, written to the request that it was for. It is told late, twice, in any order or not at all, so
//! that what is known only ever goes on.

use super::mail_request::{RequestId, Status};
use super::mail_requests::{DESK, MailRequests};
use super::{StoreError, new_or_old, number, read, text};
use crate::account::AccountName;
use crate::clock::UnixTime;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use serde::Deserialize;

/// Other events of the same mail may come at the same moment.
const TRIES: u32 = 4;

/// What SES tells of a mail.
pub struct Told {
    /// What became of it: one from `Sent` on, or `Failed` where SES took it and then found it could not be sent.
    pub status: Status,
    /// When.
    pub at: UnixTime,
    /// SES's own word for why.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Known {
    status: Status,
    account: Option<AccountName>,
}

impl MailRequests {
    /// Writes down what SES tells of a request's mail; whose it was, where this is how it stands now. A mail of which SES tells
    /// anything did go out, whatever its mailer came to know of that: no second one is sent.
    pub async fn tell(&self, id: &RequestId, told: &Told, now: UnixTime) -> Result<Option<AccountName>, StoreError> {
        const DOING: &str = "write down what became of a mail";
        // Nothing comes before what only ever comes first.
        let mut under_way = earlier(told.status).is_empty();
        for _ in 0..TRIES {
            let old = match new_or_old(self.telling(id, told, under_way, now).send().await, DOING)? {
                Ok(new) => return Ok(read::<Known>(new)?.account),
                Err(old) => old,
            };
            // Of a request that is not kept any more nothing is written down.
            let Some(Known { status, account }) = old.and_then(|old| read(old).ok()) else { return Ok(None) };
            let is_under_way = matches!(status, Status::Pending | Status::Sending);
            if !is_under_way && !earlier(told.status).contains(&status) {
                return Ok(account.filter(|_| status == told.status));
            }
            under_way = is_under_way;
        }
        Err(StoreError::new(DOING, "others wrote there each time"))
    }

    fn telling(&self, id: &RequestId, told: &Told, under_way: bool, now: UnixTime) -> UpdateItemFluentBuilder {
        let (mut set, mut remove) = (
            "SET #status = :status, delivery_updated_at = :at".to_owned(),
            " REMOVE requested_account, claim".to_owned(),
        );
        if under_way {
            // What was mailed has a name that the directory knows.
            set += ", account = requested_account, ended_at = :at";
        }
        if told.reason.is_some() {
            set += ", reason = :reason";
        } else {
            remove += ", reason";
        }
        if told.status.needs_a_hand() {
            set += ", queue = :desk, next_attempt_at = :now";
        } else {
            remove += ", queue, next_attempt_at";
        }
        let before: &[Status] = if under_way { &[Status::Pending, Status::Sending] } else { earlier(told.status) };
        let names: Vec<_> = (0..before.len()).map(|n| format!(":before{n}")).collect();
        let mut call = self
            .update(id, &(set + &remove))
            .condition_expression(format!("#status IN ({})", names.join(", ")))
            .expression_attribute_values(":status", text(told.status.as_str()))
            .expression_attribute_values(":at", number(told.at.0))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, status) in names.into_iter().zip(before) {
            call = call.expression_attribute_values(name, text(status.as_str()));
        }
        if let Some(reason) = &told.reason {
            call = call.expression_attribute_values(":reason", text(reason));
        }
        if told.status.needs_a_hand() {
            call = call
                .expression_attribute_values(":desk", text(DESK))
                .expression_attribute_values(":now", number(now.0));
        }
        call
    }
}

/// The ends that a request goes on from when this is told. One that is called failed or expired may have been mailed, its
/// answer lost.
fn earlier(told: Status) -> &'static [Status] {
    use Status::{Bounced, Delayed, Delivered, Expired, Failed, Sent};
    match told {
        Failed => &[Sent, Delayed],
        Delayed => &[Expired, Failed, Sent],
        Delivered => &[Expired, Failed, Sent, Delayed],
        Bounced => &[Expired, Failed, Sent, Delayed, Delivered],
        Status::Complained => &[Expired, Failed, Sent, Delayed, Delivered, Bounced],
        _ => &[],
    }
}
