//! SES events from `EventBridge`. Their `detail` has the format of
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>.

use guichet_domain::email_address::EmailAddress;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::mail_request::{RequestId, RequestStatus};
use guichet_domain::time::UnixTime;
use guichet_store::delivery::DeliveryEvent;
use serde_json::Value;

pub(crate) struct SesEvent {
    pub(crate) request: RequestId,
    pub(crate) delivery: DeliveryEvent,
    /// The recipient after a permanent bounce.
    pub(crate) bounced_address: Option<EmailAddress>,
}

/// `None` for an event of another kind, or about a mail that is not a request's.
pub(crate) fn parse(event: &Value) -> Option<SesEvent> {
    let (detail, mail) = (&event["detail"], &event["detail"]["mail"]);
    let tag = |name: &str| mail["tags"][name][0].as_str();
    let key: AccountPseudonym = serde_json::from_value(tag("account")?.into()).ok()?;
    let request = RequestId::from_message_tags(key, tag("request")?);
    let (status, about, reason) = match detail["eventType"].as_str()? {
        "Send" => (RequestStatus::Sent, &detail["send"], ""),
        "DeliveryDelay" => (RequestStatus::Delayed, &detail["deliveryDelay"], "delayType"),
        "Delivery" => (RequestStatus::Delivered, &detail["delivery"], ""),
        "Bounce" => (RequestStatus::Bounced, &detail["bounce"], "bounceSubType"),
        "Complaint" => (RequestStatus::Complained, &detail["complaint"], "complaintFeedbackType"),
        "Reject" => (RequestStatus::Failed, &detail["reject"], "reason"),
        "Rendering Failure" => (RequestStatus::Failed, &detail["failure"], "errorMessage"),
        _ => return None,
    };
    let at = [&about["timestamp"], &mail["timestamp"]].into_iter().find_map(moment)?;
    let is_permanent = status == RequestStatus::Bounced && about["bounceType"] == "Permanent";
    let address = if is_permanent { &about["bouncedRecipients"][0]["emailAddress"] } else { &Value::Null };
    let delivery = DeliveryEvent { status, at, reason: about[reason].as_str().map(str::to_owned) };
    Some(SesEvent { request, delivery, bounced_address: address.as_str().and_then(EmailAddress::parse) })
}

fn moment(time: &Value) -> Option<UnixTime> {
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(UnixTime(time.as_second()))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use guichet_domain::mail_request::RequestStatus;
    use serde_json::{Value, json};

    fn event(kind: &str, about: &str, content: Value) -> Value {
        let mut detail = json!({
            "eventType": kind,
            "mail": {
                "timestamp": "2026-11-26T14:00:00.012Z",
                "destination": ["marie@sante.example"],
                "tags": { "account": ["aGVs"], "request": ["request-reset.U.14953"], "ses:configuration-set": ["c"] },
            },
        });
        detail[about] = content;
        json!({ "source": "aws.ses", "detail": detail })
    }

    #[test]
    fn delivery_events_are_matched_to_requests_by_tag() {
        let bounce = |kind: &str| json!({ "bounceType": kind, "bounceSubType": "General", "timestamp": "2026-11-26T14:00:07Z", "bouncedRecipients": [{ "emailAddress": "Marie@sante.example" }] });
        for (given, status, reason, bounced) in [
            (event("Send", "send", json!({})), RequestStatus::Sent, None, false),
            (
                event("DeliveryDelay", "deliveryDelay", json!({ "delayType": "MailboxFull" })),
                RequestStatus::Delayed,
                Some("MailboxFull"),
                false,
            ),
            (event("Delivery", "delivery", json!({})), RequestStatus::Delivered, None, false),
            (event("Bounce", "bounce", bounce("Permanent")), RequestStatus::Bounced, Some("General"), true),
            (event("Bounce", "bounce", bounce("Transient")), RequestStatus::Bounced, Some("General"), false),
            (event("Complaint", "complaint", json!({})), RequestStatus::Complained, None, false),
            (
                event("Reject", "reject", json!({ "reason": "Bad content" })),
                RequestStatus::Failed,
                Some("Bad content"),
                false,
            ),
            (
                event("Rendering Failure", "failure", json!({ "errorMessage": "x" })),
                RequestStatus::Failed,
                Some("x"),
                false,
            ),
        ] {
            let event = parse(&given).unwrap_or_else(|| panic!("{given}"));
            assert_eq!(event.request.request, "request-reset#U#14953");
            assert_eq!((event.delivery.status, event.delivery.reason.as_deref()), (status, reason), "{given}");
            assert_eq!(event.bounced_address.is_some(), bounced, "{given}");
            let expected = if status == RequestStatus::Bounced { 1_795_701_607 } else { 1_795_701_600 };
            assert_eq!(event.delivery.at.0, expected);
        }
    }

    #[test]
    fn events_without_request_tags_are_ignored() {
        assert!(parse(&json!({})).is_none());
        assert!(parse(&event("Open", "open", json!({}))).is_none());
        let mut untagged = event("Send", "send", json!({}));
        untagged["detail"]["mail"]["tags"] = json!({});
        assert!(parse(&untagged).is_none());
    }
}
