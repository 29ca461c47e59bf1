//! The desk's commands: what is known of an account, why somebody does not get in, and what can be done about it.

mod acts;
mod causes;
mod explain;
mod lists;
mod words;

pub(crate) use acts::Act;
pub(crate) use lists::List;
pub(crate) use words::Lang;

use crate::stack::{Directions, Role, Stack, StackError};
use aws_sdk_sts::error::DisplayErrorContext;
use guichet_core::account::AccountName;
use guichet_core::clock::{self, UnixTime};
use guichet_core::keys::{AccountKey, KeyError, KeyRing};
use guichet_core::store::StoreError;
use guichet_core::store::credentials::Credentials;
use guichet_core::store::desk::Counters;
use guichet_core::store::devices::Devices;
use guichet_core::store::directory::{Directory, Entry};
use guichet_core::store::events::Events;
use guichet_core::store::mail_requests::MailRequests;
use guichet_core::store::sessions::Sessions;
use guichet_core::store::throttles::Throttles;
use guichet_core::store::tokens::Tokens;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::sync::Arc;

/// It could not be told, or not be done. What was done until then stands.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    /// The stack is not there.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A table did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key that names are hashed with cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What was typed is no account name.
    #[error("{0:?} is no account name: it is {1}")]
    NoName(String, String),
    /// What was typed is no day.
    #[error("{0:?} is no day: write it as 2026-11-25")]
    NoDay(String),
    /// A setting of the stack is not what it should be.
    #[error("the parameter {0} of the stack is {1:?}")]
    Parameter(&'static str, String),
    /// AWS does not say who calls.
    #[error("AWS does not say whose credentials these are: {0}")]
    Nobody(String),
}

/// What a command found or did: for people, and for programs.
pub(crate) struct Told {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Value,
    /// Whether what was asked for is there.
    pub found: bool,
}

/// Where the desk looks.
pub(crate) struct Desk {
    directory: Directory,
    credentials: Credentials,
    mail_requests: MailRequests,
    tokens: Tokens,
    sessions: Sessions,
    devices: Devices,
    throttles: Throttles,
    events: Events,
    names: Arc<KeyRing>,
    min_length: usize,
    time_zone: TimeZone,
    who: String,
    lang: Lang,
    now: UnixTime,
}

impl Desk {
    /// Goes to the desk of a stack.
    pub(crate) async fn open(directions: &Directions, lang: Lang) -> Result<Self, DeskError> {
        let stack = Stack::find(directions, Role::Desk).await?;
        let now = clock::now();
        let zone = stack.parameter("DeskTimeZone")?;
        let length = stack.parameter("PasswordMinLength")?;
        Ok(Self {
            directory: Directory(stack.table("Directory")?),
            credentials: Credentials(stack.table("Credentials")?),
            mail_requests: MailRequests(stack.table("MailRequests")?),
            tokens: Tokens(stack.table("Tokens")?),
            sessions: Sessions(stack.table("Sessions")?),
            devices: Devices(stack.table("Devices")?),
            throttles: Throttles(stack.table("Throttles")?),
            events: Events(stack.table("Events")?),
            names: stack.secret("NamesSecret")?.ring(now).await?,
            min_length: length.parse().map_err(|_| DeskError::Parameter("PasswordMinLength", length.to_owned()))?,
            time_zone: TimeZone::get(zone).map_err(|_| DeskError::Parameter("DeskTimeZone", zone.to_owned()))?,
            who: who(&stack).await?,
            lang,
            now,
        })
    }

    fn key(&self, account: &AccountName) -> AccountKey {
        AccountKey::of(account, &self.names)
    }

    async fn counters(&self, account: &AccountName, entry: Option<&Entry>) -> Result<Counters, StoreError> {
        let devices: Vec<_> = self.devices.of(account).await?.into_iter().map(|device| device.cookie_hash).collect();
        let mailbox = entry.and_then(|entry| entry.email.as_ref());
        Ok(Counters::of(&self.key(account), &devices, mailbox, self.now))
    }
}

/// An account's name, as somebody typed it.
pub(crate) fn account(typed: &str) -> Result<AccountName, DeskError> {
    AccountName::parse(typed).map_err(|error| DeskError::NoName(typed.to_owned(), error.to_string()))
}

/// Whose credentials these are. The local stack asks for none, so that the machine's user is as good as any.
async fn who(stack: &Stack) -> Result<String, DeskError> {
    if !stack.deployed {
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| guichet_core::config::text(name).ok());
        return Ok(format!("local:{}", user.as_deref().unwrap_or("?")));
    }
    let told = aws_sdk_sts::Client::new(&stack.aws.config).get_caller_identity().send().await;
    let told = told.map_err(|error| DeskError::Nobody(DisplayErrorContext(error).to_string()))?;
    told.arn.ok_or_else(|| DeskError::Nobody("it names nobody".into()))
}
