//! A request for mail: its identity, its queue, and its states.

use crate::account::AccountName;
use crate::client::ClientClass;
use crate::email_address::EmailAddress;
use crate::event::ClientInfo;
use crate::keys::AccountPseudonym;
use crate::rate_limit::{Charge, LINKS_PER_MAILBOX, REQUESTS_PER_ACCOUNT, UNTRUSTED_LINKS_PER_MAILBOX};
use crate::reset_token::LinkPurpose;
use crate::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use strum::IntoStaticStr;

/// Requests for the same account, kind, and queue within the same window of this many seconds are one request.
const DEDUP_WINDOW: i64 = 120;
/// Maximum age of an unsent request for a link.
pub const MAX_AGE: Duration = Duration::from_hours(1);
/// The notice of a password change is still useful the next morning.
const NOTICE_MAX_AGE: Duration = Duration::from_hours(24);

/// What is to be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", const_into_str)]
pub enum RequestKind {
    /// A link to set the first password.
    Register,
    /// A link to set a new password.
    RequestReset,
    /// The notice that the password was changed.
    Notice,
}

impl RequestKind {
    /// As in keys and logs: `register`, `request-reset`, `notice`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What the mail's link is for; `None` for mail without a link.
    #[must_use]
    pub fn purpose(self) -> Option<LinkPurpose> {
        match self {
            Self::Register => Some(LinkPurpose::Register),
            Self::RequestReset => Some(LinkPurpose::RequestReset),
            Self::Notice => None,
        }
    }
}

/// The state of a request. `Pending` and `Sending` are in progress; all others are final for the mailer. From `Sent`
/// on, SES's delivery events move a request forward, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum RequestStatus {
    Pending,
    /// Leased by a mailer.
    Sending,
    /// The directory has no such account.
    NoAccount,
    Inactive,
    /// The directory has no email address for the account.
    NoMailbox,
    /// Another active account has the same email address.
    SharedMailbox,
    /// The last mail to this address bounced permanently.
    Suppressed,
    /// The mailbox's rate limit was reached.
    Capped,
    /// Not sent within its maximum age.
    Expired,
    /// Could not be sent; `reason` says why.
    Failed,
    /// SES accepted the mail.
    Sent,
    /// SES is retrying; the receiving server does not accept the mail yet.
    Delayed,
    Delivered,
    Bounced,
    /// The reader marked the mail as spam.
    Complained,
}

impl RequestStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether the request belongs on the desk's list, because somebody has to act.
    #[must_use]
    pub fn needs_attention(self) -> bool {
        matches!(
            self,
            Self::NoMailbox
                | Self::SharedMailbox
                | Self::Suppressed
                | Self::Expired
                | Self::Failed
                | Self::Bounced
                | Self::Complained
        )
    }
}

/// The key of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId {
    /// Pseudonym of the name that was entered.
    pub account_key: AccountPseudonym,
    /// `kind#queue#window` (two-minute window), or `notice#version`. Putting an item under it is idempotent.
    pub request: String,
}

impl RequestId {
    /// `request` in the characters that SES allows in message tags.
    #[must_use]
    pub fn message_tag(&self) -> String {
        self.request.replace('#', ".")
    }

    /// The inverse of [`message_tag`](Self::message_tag).
    #[must_use]
    pub fn from_message_tags(account_key: AccountPseudonym, tag: &str) -> Self {
        Self { account_key, request: tag.replace('.', "#") }
    }

    /// The id in the `Keys` of a DynamoDB stream record.
    #[must_use]
    pub fn from_stream_keys(keys: &Value) -> Option<Self> {
        let id = json!({ "account_key": keys["account_key"]["S"], "request": keys["request"]["S"] });
        serde_json::from_value(id).ok()
    }

    /// The value of the log field `mail.request`, the same in every function that handles the request.
    #[must_use]
    pub fn log_id(&self) -> String {
        format!("{}.{}", self.account_key.log_id(), self.message_tag())
    }

    /// Notices belong to the trusted queue.
    #[must_use]
    pub fn queue(&self) -> Queue {
        let is_untrusted = self.request.split('#').nth(1) == Some(Queue::Untrusted.code());
        if is_untrusted { Queue::Untrusted } else { Queue::Trusted }
    }
}

/// Where a request waits for the mailer. The queues are partitions of a sparse index, so that requests from strangers,
/// however many, never delay the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Notices, and requests from known devices and managed networks.
    Trusted,
    Untrusted,
}

impl Queue {
    #[must_use]
    pub fn for_client(class: ClientClass) -> Self {
        match class {
            ClientClass::KnownDevice | ClientClass::ManagedNetwork => Self::Trusted,
            ClientClass::Untrusted => Self::Untrusted,
        }
    }

    /// One letter, used in keys.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Trusted => "T",
            Self::Untrusted => "U",
        }
    }

    /// Partition of the requests that are new, or due for a retry.
    #[must_use]
    pub fn ready_key(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Untrusted => "untrusted",
        }
    }

    /// Partition of the requests that a mailer deferred.
    #[must_use]
    pub fn deferred_key(self) -> &'static str {
        match self {
            Self::Trusted => "trusted-deferred",
            Self::Untrusted => "untrusted-deferred",
        }
    }
}

/// A request, as a mailer leases it.
#[derive(Clone, Serialize, Deserialize)]
pub struct MailRequest {
    #[serde(flatten)]
    pub id: RequestId,
    /// The name that was entered, in canonical form. It is deleted when the request ends, because people also enter
    /// their password there; `account` takes its place if the directory knows the account.
    pub requested_account: AccountName,
    pub kind: RequestKind,
    #[serde(flatten)]
    pub client: ClientInfo,
    pub created_at: UnixTime,
    /// Leases taken so far, the current one included.
    pub attempts: u32,
    /// Whether the mailbox's rate limit was charged for it.
    pub mailbox_charged: bool,
    /// Random id of the current lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
}

impl MailRequest {
    /// A request by a client of this class.
    #[must_use]
    pub fn new_link(
        account: AccountName,
        account_key: AccountPseudonym,
        kind: RequestKind,
        class: ClientClass,
        client: ClientInfo,
        now: UnixTime,
    ) -> Self {
        let request = format!("{}#{}#{}", kind.as_str(), Queue::for_client(class).code(), now.0 / DEDUP_WINDOW);
        Self::new(RequestId { account_key, request }, account, kind, client, now)
    }

    /// The notice of the password change that made this version.
    #[must_use]
    pub fn notice(
        account: AccountName,
        account_key: AccountPseudonym,
        version: u64,
        client: ClientInfo,
        now: UnixTime,
    ) -> Self {
        let request = format!("{}#{version}", RequestKind::Notice.as_str());
        Self::new(RequestId { account_key, request }, account, RequestKind::Notice, client, now)
    }

    /// The desk's retry of a request that needs attention, in the trusted queue. Its key derives from the old one, so a
    /// request can be retried once.
    #[must_use]
    pub fn replacing(
        ended: &RequestId,
        kind: RequestKind,
        account: AccountName,
        device: String,
        now: UnixTime,
    ) -> Self {
        let [from, to] = [Queue::Untrusted, Queue::Trusted].map(|queue| format!("#{}#", queue.code()));
        let request = ended.request.replacen(&from, &to, 1) + "#again";
        let client = ClientInfo { client_class: ClientClass::ManagedNetwork, device };
        Self::new(RequestId { account_key: ended.account_key.clone(), request }, account, kind, client, now)
    }

    fn new(id: RequestId, account: AccountName, kind: RequestKind, client: ClientInfo, now: UnixTime) -> Self {
        Self {
            id,
            requested_account: account,
            kind,
            client,
            created_at: now,
            attempts: 0,
            mailbox_charged: false,
            lease: None,
        }
    }

    /// Whether it is past its maximum age.
    #[must_use]
    pub fn is_expired(&self, now: UnixTime) -> bool {
        let max_age = if self.kind == RequestKind::Notice { NOTICE_MAX_AGE } else { MAX_AGE };
        self.created_at + max_age <= now
    }
}

/// The charges of a request on the rate limits of its account name.
#[must_use]
pub fn account_charges(
    kind: RequestKind,
    account: &AccountPseudonym,
    class: ClientClass,
    now: UnixTime,
) -> [Charge; 2] {
    let subject = format!("{}#name#{}#{}", kind.as_str(), Queue::for_client(class).code(), account.as_str());
    REQUESTS_PER_ACCOUNT.map(|limit| limit.new_charge(&subject, now))
}

/// The charges of a link on the rate limits of the mailbox that it goes to. They count by address, not by account,
/// because a flood hurts the mailbox, however many accounts use it.
#[must_use]
pub fn mailbox_charges(to: &EmailAddress, queue: Queue, now: UnixTime) -> Vec<Charge> {
    let mut charges = vec![LINKS_PER_MAILBOX.new_charge(&format!("mailer#mailbox#{}", to.hash()), now)];
    if queue == Queue::Untrusted {
        let subject = format!("mailer#mailbox#untrusted#{}", to.hash());
        charges.push(UNTRUSTED_LINKS_PER_MAILBOX.new_charge(&subject, now));
    }
    charges
}
