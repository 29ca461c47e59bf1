//! SES delivery events, recorded on the request that the mail was for. They arrive late, twice, out of order, or not at
//! all, so a request only moves forward.

use crate::mail_requests::{DESK, MailRequests};
use crate::table::{StoreError, from_item, n, s, updated_or_existing};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use guichet_domain::account::AccountName;
use guichet_domain::mail_request::{RequestId, RequestStatus};
use guichet_domain::time::UnixTime;
use serde::Deserialize;

/// Attempts when other events of the same mail are recorded at the same moment.
const MAX_ATTEMPTS: u32 = 4;

/// What SES reports about a mail.
pub struct DeliveryEvent {
    /// `Sent` or later, or `Failed` if SES accepted the mail and then could not send it.
    pub status: RequestStatus,
    pub at: UnixTime,
    /// As SES words it.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct RequestState {
    status: RequestStatus,
    account: Option<AccountName>,
}

impl MailRequests {
    /// Records an event. Returns the account if the request is now in the event's state. An event about a request in
    /// progress ends it: its mail was sent, although the mailer does not know that, so no second one may be sent.
    pub async fn record_delivery(
        &self,
        id: &RequestId,
        event: &DeliveryEvent,
        now: UnixTime,
    ) -> Result<Option<AccountName>, StoreError> {
        const CONTEXT: &str = "record a delivery event";
        // `Sent` has no predecessor but a request in progress.
        let mut in_progress = predecessors(event.status).is_empty();
        for _ in 0..MAX_ATTEMPTS {
            let output = self.delivery_update(id, event, in_progress, now).send().await;
            let existing = match updated_or_existing(output, CONTEXT)? {
                Ok(updated) => return Ok(from_item::<RequestState>(updated)?.account),
                Err(existing) => existing,
            };
            // The request has expired from the table.
            let Some(RequestState { status, account }) = existing.and_then(|item| from_item(item).ok()) else {
                return Ok(None);
            };
            let is_in_progress = matches!(status, RequestStatus::Pending | RequestStatus::Sending);
            if !is_in_progress && !predecessors(event.status).contains(&status) {
                return Ok(account.filter(|_| status == event.status));
            }
            in_progress = is_in_progress;
        }
        Err(StoreError::new(CONTEXT, "another write won each time"))
    }

    fn delivery_update(
        &self,
        id: &RequestId,
        event: &DeliveryEvent,
        in_progress: bool,
        now: UnixTime,
    ) -> UpdateItemFluentBuilder {
        let (mut set, mut remove) = (
            "SET #status = :status, delivery_updated_at = :at".to_owned(),
            " REMOVE requested_account, lease".to_owned(),
        );
        if in_progress {
            // The directory knows the name of whatever was mailed.
            set += ", account = requested_account, ended_at = :at";
        }
        if event.reason.is_some() {
            set += ", reason = :reason";
        } else {
            remove += ", reason";
        }
        if event.status.needs_attention() {
            set += ", queue = :desk, next_attempt_at = :now";
        } else {
            remove += ", queue, next_attempt_at";
        }
        let before: &[RequestStatus] =
            if in_progress { &[RequestStatus::Pending, RequestStatus::Sending] } else { predecessors(event.status) };
        let names: Vec<_> = (0..before.len()).map(|n| format!(":before{n}")).collect();
        let mut call = self
            .update(id, &(set + &remove))
            .condition_expression(format!("#status IN ({})", names.join(", ")))
            .expression_attribute_values(":status", s(event.status.as_str()))
            .expression_attribute_values(":at", n(event.at.0))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        for (name, status) in names.into_iter().zip(before) {
            call = call.expression_attribute_values(name, s(status.as_str()));
        }
        if let Some(reason) = &event.reason {
            call = call.expression_attribute_values(":reason", s(reason));
        }
        if event.status.needs_attention() {
            call = call.expression_attribute_values(":desk", s(DESK)).expression_attribute_values(":now", n(now.0));
        }
        call
    }
}

/// The final states that this one may follow. A request that expired or failed may have been mailed, its response lost.
fn predecessors(status: RequestStatus) -> &'static [RequestStatus] {
    use RequestStatus::{Bounced, Complained, Delayed, Delivered, Expired, Failed, Sent};
    match status {
        Failed => &[Sent, Delayed],
        Delayed => &[Expired, Failed, Sent],
        Delivered => &[Expired, Failed, Sent, Delayed],
        Bounced => &[Expired, Failed, Sent, Delayed, Delivered],
        Complained => &[Expired, Failed, Sent, Delayed, Delivered, Bounced],
        _ => &[],
    }
}
