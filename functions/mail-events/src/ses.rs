//! An event of SES as `EventBridge` brings it
//! (<https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>; below `detail` it is the
//! same).

use guichet_core::clock::UnixTime;
use guichet_core::keys::AccountKey;
use guichet_core::mailbox::MailAddress;
use guichet_core::store::delivery::Told;
use guichet_core::store::mail_request::{RequestId, Status};
use serde_json::Value;

/// What SES tells of a request's mail.
pub(crate) struct Event {
    /// The request that the mail was for.
    pub(crate) request: RequestId,
    /// What became of it.
    pub(crate) told: Told,
    /// The address, where no mail will ever arrive there.
    pub(crate) gone: Option<MailAddress>,
}

/// Reads an event; `None` where it is none of a request's mail.
pub(crate) fn read(event: &Value) -> Option<Event> {
    let (detail, mail) = (&event["detail"], &event["detail"]["mail"]);
    let tag = |name: &str| mail["tags"][name][0].as_str();
    let key: AccountKey = serde_json::from_value(tag("name")?.into()).ok()?;
    let request = RequestId::of_tags(key, tag("request")?);
    let (status, about, reason) = match detail["eventType"].as_str()? {
        "Send" => (Status::Sent, &detail["send"], ""),
        "DeliveryDelay" => (Status::Delayed, &detail["deliveryDelay"], "delayType"),
        "Delivery" => (Status::Delivered, &detail["delivery"], ""),
        "Bounce" => (Status::Bounced, &detail["bounce"], "bounceSubType"),
        "Complaint" => (Status::Complained, &detail["complaint"], "complaintFeedbackType"),
        "Reject" => (Status::Failed, &detail["reject"], "reason"),
        "Rendering Failure" => (Status::Failed, &detail["failure"], "errorMessage"),
        _ => return None,
    };
    let at = [&about["timestamp"], &mail["timestamp"]].into_iter().find_map(moment)?;
    let is_permanent = status == Status::Bounced && about["bounceType"] == "Permanent";
    let address = if is_permanent { &about["bouncedRecipients"][0]["emailAddress"] } else { &Value::Null };
    let told = Told { status, at, reason: about[reason].as_str().map(str::to_owned) };
    Some(Event { request, told, gone: address.as_str().and_then(MailAddress::parse) })
}

fn moment(time: &Value) -> Option<UnixTime> {
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(UnixTime(time.as_second()))
}

#[cfg(test)]
mod tests {
    use super::read;
    use guichet_core::store::mail_request::Status;
    use serde_json::{Value, json};

    fn event(kind: &str, about: &str, told: Value) -> Value {
        let mut detail = json!({
            "eventType": kind,
            "mail": {
                "timestamp": "2026-11-26T14:00:00.012Z",
                "destination": ["marie@sante.example"],
                "tags": { "name": ["aGVs"], "request": ["request-reset.U.14953"], "ses:configuration-set": ["c"] },
            },
        });
        detail[about] = told;
        json!({ "source": "aws.ses", "detail": detail })
    }

    #[test]
    fn each_kind_is_joined_to_its_request() {
        let bounce = |kind: &str| json!({ "bounceType": kind, "bounceSubType": "General", "timestamp": "2026-11-26T14:00:07Z", "bouncedRecipients": [{ "emailAddress": "Marie@sante.example" }] });
        for (given, status, reason, gone) in [
            (event("Send", "send", json!({})), Status::Sent, None, false),
            (
                event("DeliveryDelay", "deliveryDelay", json!({ "delayType": "MailboxFull" })),
                Status::Delayed,
                Some("MailboxFull"),
                false,
            ),
            (event("Delivery", "delivery", json!({})), Status::Delivered, None, false),
            (event("Bounce", "bounce", bounce("Permanent")), Status::Bounced, Some("General"), true),
            (event("Bounce", "bounce", bounce("Transient")), Status::Bounced, Some("General"), false),
            (event("Complaint", "complaint", json!({})), Status::Complained, None, false),
            (event("Reject", "reject", json!({ "reason": "Bad content" })), Status::Failed, Some("Bad content"), false),
            (event("Rendering Failure", "failure", json!({ "errorMessage": "x" })), Status::Failed, Some("x"), false),
        ] {
            let event = read(&given).unwrap_or_else(|| panic!("{given}"));
            assert_eq!(event.request.request, "request-reset#U#14953");
            assert_eq!((event.told.status, event.told.reason.as_deref()), (status, reason), "{given}");
            assert_eq!(event.gone.is_some(), gone, "{given}");
            let expected = if status == Status::Bounced { 1_795_701_607 } else { 1_795_701_600 };
            assert_eq!(event.told.at.0, expected);
        }
    }

    #[test]
    fn what_tells_of_no_request_is_none() {
        assert!(read(&json!({})).is_none());
        assert!(read(&event("Open", "open", json!({}))).is_none());
        let mut untagged = event("Send", "send", json!({}));
        untagged["detail"]["mail"]["tags"] = json!({});
        assert!(read(&untagged).is_none());
    }
}
