//! What SES tells of a mail, as `EventBridge` brings it. What becomes of a mail here is that it is delivered, but to the
//! addresses of AWS's own mailbox simulator, which play what their names say, and but for what is played by hand.

use crate::machine;
use crate::mailbox::Mail;
use crate::portal_template::{ACCOUNT, REGION};
use serde_json::{Value, json};

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SES took it.
    Send,
    /// The other side does not take it yet.
    DeliveryDelay,
    /// The other side took it.
    Delivery,
    /// The other side refused it for good.
    Bounce,
    /// It did not take it in all the time that SES tried.
    TransientBounce,
    /// SES itself did not try, since mails to this address bounced before.
    SuppressedBounce,
    /// Its reader called it unwanted.
    Complaint,
    /// SES found a virus in it.
    Reject,
    /// SES could not make it of its template.
    RenderingFailure,
}

const KINDS: [(&str, Kind); 9] = [
    ("send", Kind::Send),
    ("delivery-delay", Kind::DeliveryDelay),
    ("delivery", Kind::Delivery),
    ("bounce", Kind::Bounce),
    ("transient-bounce", Kind::TransientBounce),
    ("suppressed-bounce", Kind::SuppressedBounce),
    ("complaint", Kind::Complaint),
    ("reject", Kind::Reject),
    ("rendering-failure", Kind::RenderingFailure),
];

impl Kind {
    /// The kind of this name, as it stands in the path that plays it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|(known, _)| *known == name).map(|(_, kind)| kind)
    }

    /// What is told, unasked, of a mail to this address.
    #[must_use]
    pub fn of_mail_to(address: &str) -> &'static [Self] {
        match address {
            "bounce@simulator.amazonses.com" => &[Self::Send, Self::Bounce],
            "complaint@simulator.amazonses.com" => &[Self::Send, Self::Delivery, Self::Complaint],
            "suppressionlist@simulator.amazonses.com" => &[Self::Send, Self::SuppressedBounce],
            _ => &[Self::Send, Self::Delivery],
        }
    }

    /// SES's word for it, the word of `EventBridge`, and what SES tells besides.
    fn told(self, address: &str, now: &str) -> (&'static str, &'static str, &'static str, Value) {
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

    /// The event.
    #[must_use]
    pub fn event(self, mail: &Mail) -> Value {
        let now = machine::now().to_string();
        let (event_type, detail_type, about, told) = self.told(&mail.to, &now);
        let tags: serde_json::Map<_, _> =
            mail.tags.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
        let mut detail = json!({
            "eventType": event_type,
            "mail": {
                "timestamp": mail.sent_at.to_string(), "messageId": mail.id, "destination": [mail.to], "tags": tags,
            },
        });
        detail[about] = told;
        json!({
            "version": "0", "id": machine::random_id().unwrap_or_default(), "source": "aws.ses", "account": ACCOUNT,
            "region": REGION, "time": now, "detail-type": detail_type, "detail": detail,
            "resources": [format!("arn:aws:ses:{REGION}:{ACCOUNT}:configuration-set/guichet")],
        })
    }
}
