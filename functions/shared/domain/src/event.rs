//! Security events of an account, shown to its owner and to the desk.

use crate::client::ClientClass;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    LinkMailed,
    /// The password was set through a mailed link.
    PasswordSet,
    /// The password was changed in a session.
    PasswordChanged,
    SignedIn,
    SignInRefused,
    SignedOut,
    /// Sessions other than the current one were ended.
    SessionsEnded,
}

/// What an event or a mail request records about the client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientInfo {
    pub client_class: ClientClass,
    /// Browser and system, such as `Firefox · Windows`.
    pub device: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Event {
    pub happened_at: UnixTime,
    /// The API calls it `what`.
    #[serde(rename = "what")]
    pub kind: EventKind,
    #[serde(flatten)]
    pub client: ClientInfo,
}
