//! The desk's commands: why somebody cannot sign in, and what the desk can do about it.

mod actions;
mod causes;
mod explain;
mod facts;
mod i18n;
mod lists;

pub(crate) use actions::Action;
pub(crate) use i18n::Lang;
pub(crate) use lists::List;

use crate::stack::{Role, Stack, StackError, StackSelector};
use crate::store::{AccountCounters, DeskStore};
use aws_sdk_sts::error::DisplayErrorContext;
use guichet_domain::account::AccountName;
use guichet_domain::keys::{AccountPseudonym, KeyRing};
use guichet_domain::time::UnixTime;
use guichet_platform::clock;
use guichet_platform::secrets::KeyError;
use guichet_store::StoreError;
use guichet_store::credentials::Credentials;
use guichet_store::devices::Devices;
use guichet_store::directory::{Directory, Entry};
use guichet_store::events::Events;
use guichet_store::mail_requests::MailRequests;
use guichet_store::sessions::Sessions;
use guichet_store::throttles::Throttles;
use guichet_store::tokens::Tokens;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::sync::Arc;

/// What was done before the error stays done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeskError {
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("{0:?} is {1}")]
    InvalidAccount(String, String),
    #[error("{0:?} is not a date in the form 2026-11-25")]
    InvalidDate(String),
    #[error("the stack's parameter {0} has the invalid value {1:?}")]
    Parameter(&'static str, String),
    #[error("AWS does not identify the caller: {0}")]
    UnknownCaller(String),
}

pub(crate) struct CommandOutput {
    pub text: String,
    pub json: Value,
    /// Whether anything was found; else the exit code is 3.
    pub found: bool,
}

pub(crate) struct Desk {
    store: DeskStore,
    pseudonym_keys: Arc<KeyRing>,
    min_password_length: usize,
    time_zone: TimeZone,
    caller: String,
    lang: Lang,
    now: UnixTime,
}

impl Desk {
    pub(crate) async fn open(selector: &StackSelector, lang: Lang) -> Result<Self, DeskError> {
        let stack = Stack::find(selector, Role::Desk).await?;
        let now = clock::now();
        let zone = stack.parameter("DeskTimeZone")?;
        let length = stack.parameter("PasswordMinLength")?;
        Ok(Self {
            store: DeskStore {
                directory: Directory(stack.table("Directory")?),
                credentials: Credentials(stack.table("Credentials")?),
                mail_requests: MailRequests(stack.table("MailRequests")?),
                tokens: Tokens(stack.table("Tokens")?),
                sessions: Sessions(stack.table("Sessions")?),
                devices: Devices(stack.table("Devices")?),
                throttles: Throttles(stack.table("Throttles")?),
                events: Events(stack.table("Events")?),
            },
            pseudonym_keys: stack.secret("PseudonymSecret")?.current(now).await?,
            min_password_length: length
                .parse()
                .map_err(|_| DeskError::Parameter("PasswordMinLength", length.to_owned()))?,
            time_zone: TimeZone::get(zone).map_err(|_| DeskError::Parameter("DeskTimeZone", zone.to_owned()))?,
            caller: caller(&stack).await?,
            lang,
            now,
        })
    }

    fn key(&self, account: &AccountName) -> AccountPseudonym {
        AccountPseudonym::new(account, &self.pseudonym_keys)
    }

    async fn counters(&self, account: &AccountName, entry: Option<&Entry>) -> Result<AccountCounters, StoreError> {
        let devices: Vec<_> =
            self.store.devices_of(account).await?.into_iter().map(|device| device.cookie_hash).collect();
        let mailbox = entry.and_then(|entry| entry.email.as_ref());
        Ok(AccountCounters::new(&self.key(account), &devices, mailbox, self.now))
    }
}

pub(crate) fn account(input: &str) -> Result<AccountName, DeskError> {
    AccountName::parse(input).map_err(|error| DeskError::InvalidAccount(input.to_owned(), error.to_string()))
}

/// Who runs the command, for the audit log. The local stack has no authentication, so the machine's user is recorded.
async fn caller(stack: &Stack) -> Result<String, DeskError> {
    if !stack.deployed {
        let user = ["USER", "LOGNAME"].into_iter().find_map(guichet_platform::env::optional);
        return Ok(format!("local:{}", user.as_deref().unwrap_or("?")));
    }
    let output = aws_sdk_sts::Client::new(&stack.aws.config).get_caller_identity().send().await;
    let output = output.map_err(|error| DeskError::UnknownCaller(DisplayErrorContext(error).to_string()))?;
    output.arn.ok_or_else(|| DeskError::UnknownCaller("no ARN".into()))
}
