//! SES events on EventBridge. An email is delivered, unless its address is one of AWS's mailbox simulator; tests
//! publish other events with `POST /_local/mail/ID/EVENT`.

use crate::host;
use crate::mailbox::SentEmail;
use crate::portal_template::{ACCOUNT, REGION};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SesEvent {
    Send,
    DeliveryDelay,
    Delivery,
    /// Permanent.
    Bounce,
    TransientBounce,
    /// The address is on the account's suppression list.
    SuppressedBounce,
    Complaint,
    /// SES found a virus.
    Reject,
    RenderingFailure,
}

const NAMES: [(&str, SesEvent); 9] = [
    ("send", SesEvent::Send),
    ("delivery-delay", SesEvent::DeliveryDelay),
    ("delivery", SesEvent::Delivery),
    ("bounce", SesEvent::Bounce),
    ("transient-bounce", SesEvent::TransientBounce),
    ("suppressed-bounce", SesEvent::SuppressedBounce),
    ("complaint", SesEvent::Complaint),
    ("reject", SesEvent::Reject),
    ("rendering-failure", SesEvent::RenderingFailure),
];

impl SesEvent {
    /// By its name in the path.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, event)| event)
    }

    /// The events that follow an email to this address.
    #[must_use]
    pub fn automatic(address: &str) -> &'static [Self] {
        match address {
            "bounce@simulator.amazonses.com" => &[Self::Send, Self::Bounce],
            "complaint@simulator.amazonses.com" => &[Self::Send, Self::Delivery, Self::Complaint],
            "suppressionlist@simulator.amazonses.com" => &[Self::Send, Self::SuppressedBounce],
            _ => &[Self::Send, Self::Delivery],
        }
    }

    /// SES's event type, EventBridge's detail type, and the name and value of the field with the details.
    fn details(self, address: &str, now: &str) -> (&'static str, &'static str, &'static str, Value) {
        let recipients = json!([{ "emailAddress": address, "action": "failed", "status": "5.1.1" }]);
        let bounce = |kind: &str, sub: &str| json!({ "bounceType": kind, "bounceSubType": sub, "bouncedRecipients": recipients, "timestamp": now });
        match self {
            Self::Send => ("Send", "Email Sent", "send", json!({})),
            Self::DeliveryDelay => (
                "DeliveryDelay",
                "Email Delivery Delayed",
                "deliveryDelay",
                json!({ "delayType": "TransientCommunicationFailure", "timestamp": now, "delayedRecipients": [{ "emailAddress": address }] }),
            ),
            Self::Delivery => {
                ("Delivery", "Email Delivered", "delivery", json!({ "recipients": [address], "timestamp": now }))
            }
            Self::Bounce => ("Bounce", "Email Bounced", "bounce", bounce("Permanent", "NoEmail")),
            Self::TransientBounce => ("Bounce", "Email Bounced", "bounce", bounce("Transient", "MailboxFull")),
            Self::SuppressedBounce => {
                ("Bounce", "Email Bounced", "bounce", bounce("Permanent", "OnAccountSuppressionList"))
            }
            Self::Complaint => (
                "Complaint",
                "Email Complaint Received",
                "complaint",
                json!({ "complainedRecipients": [{ "emailAddress": address }], "complaintFeedbackType": "abuse", "timestamp": now }),
            ),
            Self::Reject => ("Reject", "Email Rejected", "reject", json!({ "reason": "Bad content" })),
            Self::RenderingFailure => (
                "Rendering Failure",
                "Email Rendering Failed",
                "failure",
                json!({ "errorMessage": "Attribute 'name' is not present in the rendering data." }),
            ),
        }
    }

    /// As EventBridge delivers it.
    #[must_use]
    pub fn event(self, email: &SentEmail) -> Value {
        let now = host::now().to_string();
        let (event_type, detail_type, field, details) = self.details(&email.to, &now);
        let tags: serde_json::Map<_, _> =
            email.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
        let mut detail = json!({
            "eventType": event_type,
            "mail": {
                "timestamp": email.sent_at.to_string(), "messageId": email.id, "destination": [email.to], "tags": tags,
            },
        });
        detail[field] = details;
        json!({
            "version": "0", "id": host::random_id().unwrap_or_default(), "source": "aws.ses", "account": ACCOUNT,
            "region": REGION, "time": now, "detail-type": detail_type, "detail": detail,
            "resources": [format!("arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/guichet")],
        })
    }
}
