//! A request for a mail: what it is, where it waits, and how it may end.

use super::events::Origin;
use super::tokens::Purpose;
use super::{Item, StoreError, write};
use crate::account::AccountName;
use crate::class::Class;
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::mailbox::MailAddress;
use crate::quota::{LINKS_TO_A_MAILBOX, LINKS_TO_A_MAILBOX_FROM_OUTSIDE, MAILS_OF_A_NAME, Spending};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// One request for a name and kind in so long; what comes within is the same request.
const BUCKET: i64 = 120;
/// A link that was not mailed within an hour is not mailed any more.
pub(super) const LIFE: Duration = Duration::from_hours(1);
/// That one's password was changed is worth telling the next morning.
const LIFE_OF_A_NOTICE: Duration = Duration::from_hours(24);
/// The layout of an item. A mailer of before a deployment leaves those of after it to the new one.
pub(super) const LAYOUT: u32 = 1;
/// How long a request can be looked at afterwards.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// What is to be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A link to set the first password.
    Register,
    /// A link to set a new one.
    RequestReset,
    /// The notice that the password was changed.
    Notice,
}

impl Kind {
    /// As it is written in keys and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::RequestReset => "request-reset",
            Self::Notice => "notice",
        }
    }

    /// What the mail's link is for, where it has one.
    #[must_use]
    pub fn purpose(self) -> Option<Purpose> {
        match self {
            Self::Register => Some(Purpose::Register),
            Self::RequestReset => Some(Purpose::RequestReset),
            Self::Notice => None,
        }
    }
}

/// Where a request stands. `Pending` and `Sending` are under way, all else is an end; after `Sent`, what SES tells of the
/// mail only ever goes on from one to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Waits for a mailer.
    Pending,
    /// A mailer has it.
    Sending,
    /// Nobody has this account.
    NoAccount,
    /// The account may not be used.
    Inactive,
    /// The directory has no mail address for it.
    NoMailbox,
    /// A colleague has the same mail address.
    SharedMailbox,
    /// The last mail to this address came back for good.
    Suppressed,
    /// So many links went to this mailbox today that no more do.
    Capped,
    /// Not sent within an hour; a notice, within a day.
    Expired,
    /// It could not be sent; its reason says why.
    Failed,
    /// SES took the mail.
    Sent,
    /// SES tries for a while already; the other side does not take it yet.
    Delayed,
    /// The other side took it.
    Delivered,
    /// The other side refused it.
    Bounced,
    /// Its reader called it unwanted.
    Complained,
}

impl Status {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::NoAccount => "no-account",
            Self::Inactive => "inactive",
            Self::NoMailbox => "no-mailbox",
            Self::SharedMailbox => "shared-mailbox",
            Self::Suppressed => "suppressed",
            Self::Capped => "capped",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Sent => "sent",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    /// Whether somebody has to lend a hand: such requests stand on the desk's list.
    #[must_use]
    pub(super) fn needs_a_hand(self) -> bool {
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

/// Which request: the keyed hash of the name; kind, class and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId {
    /// The keyed hash of the name that was typed.
    pub name_key: AccountKey,
    /// Kind ‖ class ‖ 2-minute bucket, or kind ‖ version for a notice.
    pub request: String,
}

impl RequestId {
    /// The request in letters, digits, `-` and `.` alone, as it goes into SES's message tags beside the hash of the name.
    #[must_use]
    pub fn tag(&self) -> String {
        self.request.replace('#', ".")
    }

    /// The request that SES's message tags name.
    #[must_use]
    pub fn of_tags(name_key: AccountKey, tag: &str) -> Self {
        Self { name_key, request: tag.replace('.', "#") }
    }

    /// The request that these keys name, as a stream's record carries them.
    #[must_use]
    pub fn of_stream(keys: &Value) -> Option<Self> {
        let id = json!({ "name_key": keys["name_key"]["S"], "request": keys["request"]["S"] });
        serde_json::from_value(id).ok()
    }

    /// What follows a request from the door to the mail in the log.
    #[must_use]
    pub fn brief(&self) -> String {
        format!("{}.{}", self.name_key.brief(), self.tag())
    }

    /// The lane in which it waits, as the door wrote into the key. A notice waits with those who are known.
    #[must_use]
    pub fn lane(&self) -> Lane {
        if self.request.split('#').nth(1) == Some(door_of(Class::U)) { Lane::Outside } else { Lane::Known }
    }
}

/// Where requests wait for a mailer. Each lane has partitions of its own in the sparse index of what is not at its end,
/// so that what strangers ask for, however much it is, stands before no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Notices, and what was asked for where one is known.
    Known,
    /// What was asked for from outside.
    Outside,
}

impl Lane {
    /// The partition of what no mailer has come to yet, or what met a fault.
    pub(super) fn waiting(self) -> &'static str {
        match self {
            Self::Known => "trusted",
            Self::Outside => "untrusted",
        }
    }

    /// The partition of what a mailer held back.
    pub(super) fn held(self) -> &'static str {
        match self {
            Self::Known => "trusted-deferred",
            Self::Outside => "untrusted-deferred",
        }
    }
}

/// A request, as a mailer takes it.
#[derive(Clone, Serialize, Deserialize)]
pub struct MailRequest {
    /// Which.
    #[serde(flatten)]
    pub id: RequestId,
    /// The name that was typed, in canonical form. Kept until the end state only, for people type their password there;
    /// then `account` stands there, if the directory knows it.
    pub requested_account: AccountName,
    /// What is to be mailed.
    pub kind: Kind,
    /// From where it was asked.
    pub client_class: Class,
    /// The coarse device it was asked from.
    pub device: String,
    /// When.
    pub created_at: UnixTime,
    /// How many mailers have taken it, this one included.
    pub attempts: u32,
    /// Whether it is counted on its mailbox.
    pub(super) counted: bool,
    /// The mark of the mailer that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<String>,
}

#[derive(Serialize)]
struct NewItem<'a> {
    #[serde(flatten)]
    request: &'a MailRequest,
    schema_version: u32,
    status: Status,
    queue: &'static str,
    next_attempt_at: UnixTime,
    ttl: UnixTime,
}

impl MailRequest {
    /// A request at the door: by the client's class, from where its address tells.
    #[must_use]
    pub fn at_the_door(
        requested_account: AccountName,
        name_key: AccountKey,
        kind: Kind,
        class: Class,
        from: Origin,
        now: UnixTime,
    ) -> Self {
        let request = format!("{}#{}#{}", kind.as_str(), door_of(class), now.0 / BUCKET);
        Self::new(RequestId { name_key, request }, requested_account, kind, from, now)
    }

    /// The notice of the change that made this version.
    #[must_use]
    pub fn notice(account: AccountName, name_key: AccountKey, version: u64, from: Origin, now: UnixTime) -> Self {
        let request = format!("{}#{version}", Kind::Notice.as_str());
        Self::new(RequestId { name_key, request }, account, Kind::Notice, from, now)
    }

    /// What the desk puts instead of a request that needed a hand: once of each, and where those wait who are known.
    #[must_use]
    pub fn instead_of(ended: &RequestId, kind: Kind, account: AccountName, device: String, now: UnixTime) -> Self {
        let [outside, known] = [Class::U, Class::M].map(|class| format!("#{}#", door_of(class)));
        let request = ended.request.replacen(&outside, &known, 1) + "#again";
        let from = Origin { client_class: Class::M, device };
        Self::new(RequestId { name_key: ended.name_key.clone(), request }, account, kind, from, now)
    }

    fn new(id: RequestId, requested_account: AccountName, kind: Kind, from: Origin, now: UnixTime) -> Self {
        Self {
            id,
            requested_account,
            kind,
            client_class: from.client_class,
            device: from.device,
            created_at: now,
            attempts: 0,
            counted: false,
            claim: None,
        }
    }

    pub(super) fn claim(&self) -> &str {
        self.claim.as_deref().unwrap_or_default()
    }

    /// Whether it is too old to be mailed.
    #[must_use]
    pub fn is_too_old(&self, now: UnixTime) -> bool {
        let life = if self.kind == Kind::Notice { LIFE_OF_A_NOTICE } else { LIFE };
        self.created_at + life <= now
    }

    pub(super) fn item(&self) -> Result<Item, StoreError> {
        let ttl = self.created_at + KEPT;
        write(&NewItem {
            request: self,
            schema_version: LAYOUT,
            status: Status::Pending,
            queue: self.id.lane().waiting(),
            next_attempt_at: self.created_at,
            ttl,
        })
    }
}

/// What a request for a mail spends of the quotas of its name.
#[must_use]
pub fn quotas_of_a_name(kind: Kind, name: &AccountKey, class: Class, now: UnixTime) -> [Spending; 2] {
    let subject = format!("{}#name#{}#{}", kind.as_str(), door_of(class), name.as_str());
    MAILS_OF_A_NAME.map(|quota| quota.spending(&subject, now))
}

/// What a link spends of the quotas of the mailbox that it goes to. By the hash of the address: it is the mailbox that is
/// kept from floods, whatever accounts it has.
#[must_use]
pub fn quotas_of_a_mailbox(to: &MailAddress, lane: Lane, now: UnixTime) -> Vec<Spending> {
    let mut spendings = vec![LINKS_TO_A_MAILBOX.spending(&format!("mailer#mailbox#{}", to.hash()), now)];
    if lane == Lane::Outside {
        let outside = format!("mailer#mailbox#outside#{}", to.hash());
        spendings.push(LINKS_TO_A_MAILBOX_FROM_OUTSIDE.spending(&outside, now));
    }
    spendings
}

/// From outside, and from where one is known: neither silences the mail of the other.
fn door_of(class: Class) -> &'static str {
    match class {
        Class::U => "U",
        Class::D | Class::M => "T",
    }
}
