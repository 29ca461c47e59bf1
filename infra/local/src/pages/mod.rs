//! What the stack shows of itself below `/_local/`: the mails that were sent, and the interface of the API.

mod inbox;
mod interface;

use crate::aws::Kind;
use crate::bus::Bus;
use crate::mailbox::Mailbox;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::path::PathBuf;
use std::sync::Arc;

/// Nothing from elsewhere, and no script but the page's own. A frame with a mail's HTML inherits it; a mail's styles are
/// inline, as mail programs want them.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";

/// What the pages are made from.
pub struct Pages {
    /// The mails.
    pub mailbox: Arc<Mailbox>,
    /// Where SES tells what becomes of mails.
    pub bus: Bus,
    /// The file that describes the API, read anew for each look.
    pub interface: PathBuf,
}

impl Pages {
    /// Answers a request below `/_local`, or `None` where nothing is.
    #[must_use]
    pub fn answer(&self, method: &Method, uri: &Uri) -> Option<Response> {
        if method == Method::POST {
            return self.play(uri.path());
        }
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        let query = uri.query().unwrap_or_default();
        let (content_type, content) = match uri.path() {
            "/_local/mail" => {
                ("application/json", inbox::json(&self.mailbox.newest_first(|mail| inbox::asks_for(query, mail))))
            }
            "/_local/inbox" => (HTML, inbox::page(&self.mailbox.newest_first(|_| true))),
            "/_local/inbox.css" => ("text/css; charset=utf-8", inbox::STYLE.to_owned()),
            "/_local/inbox.js" => ("text/javascript; charset=utf-8", inbox::SCRIPT.to_owned()),
            "/_local/api" => match interface::page(&self.interface) {
                Ok(page) => (HTML, page),
                Err(failure) => {
                    return Some((StatusCode::INTERNAL_SERVER_ERROR, format!("{failure:#}")).into_response());
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

    /// `POST /_local/mail/ID/EVENT`: lets SES tell this of a mail.
    fn play(&self, path: &str) -> Option<Response> {
        let (id, event) = path.strip_prefix("/_local/mail/")?.split_once('/')?;
        let mail = self.mailbox.newest_first(|mail| mail.id == id).pop()?;
        self.bus.put(Kind::named(event)?.event(&mail));
        Some(StatusCode::NO_CONTENT.into_response())
    }
}
