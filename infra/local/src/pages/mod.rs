//! The stack's own pages below `/_local/`: the inbox, and the API's description.

mod inbox;
mod openapi_viewer;

use crate::aws::SesEvent;
use crate::event_bus::EventBus;
use crate::mailbox::Mailbox;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::path::PathBuf;
use std::sync::Arc;

/// Allows only the pages' own resources. The frame with an email's HTML inherits it; email styles are inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";

pub struct Pages {
    pub mailbox: Arc<Mailbox>,
    pub bus: EventBus,
    /// Read for each request, so that edits show.
    pub openapi: PathBuf,
}

impl Pages {
    /// `None` if there is no such page.
    #[must_use]
    pub fn respond(&self, method: &Method, uri: &Uri) -> Option<Response> {
        if method == Method::POST {
            return self.publish_event(uri.path());
        }
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        let query = uri.query().unwrap_or_default();
        let (content_type, content) = match uri.path() {
            "/_local/mail" => {
                ("application/json", inbox::json(&self.mailbox.newest_first(|mail| inbox::matches(query, mail))))
            }
            "/_local/inbox" => (HTML, inbox::page(&self.mailbox.newest_first(|_| true))),
            "/_local/inbox.css" => ("text/css; charset=utf-8", inbox::STYLE.to_owned()),
            "/_local/inbox.js" => ("text/javascript; charset=utf-8", inbox::SCRIPT.to_owned()),
            "/_local/api" => match openapi_viewer::page(&self.openapi) {
                Ok(page) => (HTML, page),
                Err(error) => {
                    return Some((StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response());
                }
            },
            _ => return None,
        };
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        Some((headers, content).into_response())
    }

    /// `POST /_local/mail/ID/EVENT` publishes an SES event about an email.
    fn publish_event(&self, path: &str) -> Option<Response> {
        let (id, event) = path.strip_prefix("/_local/mail/")?.split_once('/')?;
        let mail = self.mailbox.newest_first(|mail| mail.id == id).pop()?;
        self.bus.publish(SesEvent::from_name(event)?.event(&mail));
        Some(StatusCode::NO_CONTENT.into_response())
    }
}
