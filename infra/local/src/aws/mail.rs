//! `SendEmail` of SES v2, with simple content, as the mailer uses it.

use super::{Kind, Services};
use crate::machine;
use crate::mailbox::{Mail, message_id};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use guichet_cfn::iam::mailbox_address;
use serde_json::{Value, json};
use std::sync::Arc;

/// Takes a mail. It is on the disk before the answer goes.
pub async fn send(services: &Services, body: &[u8]) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let mail = match read(services, &asked) {
        Ok(mail) => mail,
        Err((status, kind, message)) => {
            eprintln!("SES refuses a mail: {message}");
            return (status, [("x-amzn-errortype", kind)], Json(json!({"message": message}))).into_response();
        }
    };
    let (mailbox, kept) = (Arc::clone(&services.mailbox), mail.clone());
    match tokio::task::spawn_blocking(move || mailbox.deliver(kept)).await {
        Ok(Ok(())) => {
            for kind in Kind::of_mail_to(&mail.to) {
                services.bus.put(kind.event(&mail));
            }
            Json(json!({"MessageId": mail.id})).into_response()
        }
        lost => {
            eprintln!("the mailbox cannot be written: {lost:?}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

type Refusal = (StatusCode, String, String);

fn read(services: &Services, asked: &Value) -> Result<Mail, Refusal> {
    let bad = |message: &str| (StatusCode::BAD_REQUEST, "BadRequestException".to_owned(), message.to_owned());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let from = asked["FromEmailAddress"].as_str().unwrap_or_default();
    let address = mailbox_address(from);
    if address != services.mail_from {
        let message = format!("Email address is not verified. The following identities failed the check: {address}");
        return Err((StatusCode::BAD_REQUEST, "MessageRejected".to_owned(), message));
    }
    if let Some(name) = asked["ConfigurationSetName"].as_str()
        && !services.configuration_sets.iter().any(|known| known == name)
    {
        let message = format!("Configuration set <{name}> does not exist.");
        return Err((StatusCode::NOT_FOUND, "NotFoundException".to_owned(), message));
    }
    let to: Vec<&str> =
        asked["Destination"]["ToAddresses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if to.is_empty() {
        return Err(bad("Missing final '@domain'"));
    }
    let content = &asked["Content"]["Simple"];
    let mail = Mail {
        id: message_id().map_err(|failure| bad(&format!("{failure:#}")))?,
        to: to.join(", "),
        subject: text(&content["Subject"]["Data"]),
        text: text(&content["Body"]["Text"]["Data"]),
        html: text(&content["Body"]["Html"]["Data"]),
        sent_at: machine::now(),
        // SES adds the configuration set by itself.
        tags: asked["EmailTags"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|tag| (text(&tag["Name"]), text(&tag["Value"])))
            .chain([("ses:configuration-set".to_owned(), text(&asked["ConfigurationSetName"]))])
            .collect(),
    };
    if mail.subject.is_empty() || (mail.text.is_empty() && mail.html.is_empty()) {
        return Err(bad("only Content.Simple with a subject and a body is played by the local stack"));
    }
    Ok(mail)
}
