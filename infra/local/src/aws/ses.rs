//! `SendEmail` of SES v2 with simple content, which is what the mailer sends.

use super::ses_event::SesEvent;
use crate::event_bus::EventBus;
use crate::host;
use crate::mailbox::{Mailbox, SentEmail, message_id};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guichet_cfn::iam::mailbox_address;
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Ses {
    pub mailbox: Arc<Mailbox>,
    /// Where delivery events are published.
    pub bus: EventBus,
    /// The only verified sender.
    pub mail_from: String,
    /// Names of the existing configuration sets.
    pub configuration_sets: Vec<String>,
}

/// Status, exception, and message.
type Refusal = (StatusCode, &'static str, String);

impl Ses {
    /// The email is on the disk before the response.
    pub(super) async fn send_email(&self, body: &[u8]) -> Response {
        let call: Value = serde_json::from_slice(body).unwrap_or_default();
        let email = match self.parse(&call) {
            Ok(email) => email,
            Err((status, kind, message)) => {
                console!("SES rejected an email: {message}");
                return (status, [("x-amzn-errortype", kind)], Json(json!({"message": message}))).into_response();
            }
        };
        let (mailbox, stored) = (Arc::clone(&self.mailbox), email.clone());
        match tokio::task::spawn_blocking(move || mailbox.deliver(stored)).await {
            Ok(Ok(())) => {
                for event in SesEvent::automatic(&email.to) {
                    self.bus.publish(event.event(&email));
                }
                Json(json!({"MessageId": email.id})).into_response()
            }
            error => {
                console!("cannot write the mailbox: {error:?}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn parse(&self, call: &Value) -> Result<SentEmail, Refusal> {
        let bad_request = |message: &str| (StatusCode::BAD_REQUEST, "BadRequestException", message.to_owned());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let from = mailbox_address(call["FromEmailAddress"].as_str().unwrap_or_default());
        if from != self.mail_from {
            let message = format!("Email address is not verified. The following identities failed the check: {from}");
            return Err((StatusCode::BAD_REQUEST, "MessageRejected", message));
        }
        if let Some(name) = call["ConfigurationSetName"].as_str()
            && !self.configuration_sets.iter().any(|known| known == name)
        {
            let message = format!("Configuration set <{name}> does not exist.");
            return Err((StatusCode::NOT_FOUND, "NotFoundException", message));
        }
        let to = call["Destination"]["ToAddresses"].as_array().into_iter().flatten();
        let to: Vec<&str> = to.filter_map(Value::as_str).collect();
        if to.is_empty() {
            return Err(bad_request("Missing final '@domain'"));
        }
        let content = &call["Content"]["Simple"];
        let tags = call["EmailTags"].as_array().into_iter().flatten();
        let email = SentEmail {
            id: message_id().map_err(|error| bad_request(&error.to_string()))?,
            to: to.join(", "),
            subject: text(&content["Subject"]["Data"]),
            text: text(&content["Body"]["Text"]["Data"]),
            html: text(&content["Body"]["Html"]["Data"]),
            sent_at: host::now(),
            tags: tags
                .map(|tag| (text(&tag["Name"]), text(&tag["Value"])))
                // SES adds this tag itself.
                .chain([("ses:configuration-set".to_owned(), text(&call["ConfigurationSetName"]))])
                .collect(),
        };
        if email.subject.is_empty() || (email.text.is_empty() && email.html.is_empty()) {
            return Err(bad_request("the local stack only emulates Content.Simple with a subject and a body"));
        }
        Ok(email)
    }
}
