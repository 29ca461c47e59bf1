//! What the desk's commands read and do beyond the functions: they look at all that is kept of one account, lift what
//! hinders it, and take it out (`forget`). No function does any of this.

mod forget;
mod hindrance;

pub use hindrance::{Counters, Hindrance};

use super::credentials::{self, Credentials};
use super::devices::Devices;
use super::directory::{self, Directory, Entry};
use super::events::{Event, Events, at_id};
use super::mail_request::{Kind, MailRequest, RequestId, Status};
use super::mail_requests::{DESK, MailRequests, key as request_key};
use super::tokens::Tokens;
use super::transaction::{Outcome, write_all};
use super::{Item, READ_AT_ONCE, StoreError, Table, failed, if_held, number, read, text, write};
use crate::account::AccountName;
use crate::class::Class;
use crate::clock::UnixTime;
use crate::device::Device;
use crate::keys::AccountKey;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// How long it is kept who did what at the desk.
const ACTS_KEPT: Duration = Duration::from_hours(365 * 24);
/// What a partition of the Events table begins with that holds acts of the desk.
const ACTS: &str = "desk";

/// What the tables say of an account's password without the hash.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Record {
    /// Links and sessions of another version are dead.
    pub version: u64,
    /// Whether the account may be used.
    pub active: bool,
    /// When the password was last set; `None` where it never was.
    pub changed_at: Option<UnixTime>,
}

/// A request for a mail, as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Which.
    #[serde(flatten)]
    pub id: RequestId,
    /// What was to be mailed.
    pub kind: Kind,
    /// Where it stands.
    pub status: Status,
    /// From where it was asked.
    pub client_class: Class,
    /// The coarse device it was asked from.
    pub device: String,
    /// When.
    pub created_at: UnixTime,
    /// When it came to its end.
    pub ended_at: Option<UnixTime>,
    /// When SES last told of its mail.
    pub delivery_updated_at: Option<UnixTime>,
    /// Why it failed or came back.
    pub reason: Option<String>,
    /// Whose it was, where the directory knew.
    pub account: Option<AccountName>,
    /// The partition in which it waits, while it does.
    queue: Option<String>,
}

impl Kept {
    /// Whether a mailer held it back: SES takes nothing, or so many mails went out this hour that no more do.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.queue.as_deref() == Some(self.id.lane().held())
    }

    /// Whether it stands on the desk's list.
    #[must_use]
    pub fn is_at_the_desk(&self) -> bool {
        self.queue.as_deref() == Some(DESK)
    }
}

/// A mailed link, without what could be compared with it.
#[derive(Clone, Debug, Deserialize)]
pub struct Link {
    /// The request that it was made for, without the name.
    pub for_request: String,
    /// The credentials' version that it was made for.
    pub version: u64,
    /// From then on it is refused.
    pub expires_at: UnixTime,
    /// When it was used, if it was.
    pub used_at: Option<UnixTime>,
}

/// Who did what at the desk, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub happened_at: UnixTime,
    /// The command's name.
    pub act: String,
    /// Who, by their credentials.
    pub by: String,
}

#[derive(Serialize)]
struct NewAct<'a> {
    account_key: String,
    at_id: String,
    ttl: UnixTime,
    #[serde(flatten)]
    act: &'a Act,
}

/// What stands in the Events table: what happened to an account, or what the desk did.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub enum Noted {
    /// What happened to an account.
    Event(Event),
    /// What the desk did.
    Act(Act),
}

impl Noted {
    /// When.
    #[must_use]
    pub fn happened_at(&self) -> UnixTime {
        match self {
            Self::Event(event) => event.happened_at,
            Self::Act(act) => act.happened_at,
        }
    }
}

impl Table {
    /// All items, or all of this account, with these attributes or all of them.
    async fn scan(&self, account: Option<&AccountName>, attributes: Option<&str>) -> Result<Vec<Item>, StoreError> {
        let mut call =
            self.client.scan().table_name(&self.name).set_projection_expression(attributes.map(str::to_owned));
        if let Some(account) = account {
            call = call
                .filter_expression("account = :account")
                .expression_attribute_values(":account", text(account.as_str()));
        }
        let items = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        items.map_err(failed("read a whole table"))
    }
}

impl Directory {
    /// All entries.
    pub async fn all(&self) -> Result<Vec<Entry>, StoreError> {
        // When the directory was imported stands there, too, and has no name.
        let people = self.0.scan(None, None).await?.into_iter().filter(|item| item.contains_key("family_name"));
        people.map(read).collect()
    }

    /// Takes mails to this account's address for good again.
    pub async fn forget_bounce(&self, account: &AccountName) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let answer = client
            .update_item()
            .table_name(name)
            .set_key(Some(directory::key(account)))
            .update_expression("REMOVE bounced_at")
            .condition_expression("attribute_exists(bounced_at)")
            .send()
            .await;
        if_held(answer, "forget a bounce").map(drop)
    }
}

impl Credentials {
    /// What there is of an account's password, without the hash.
    pub async fn record(&self, account: &AccountName) -> Result<Option<Record>, StoreError> {
        self.project(account, "account, version, active, changed_at").await
    }

    /// Ends every session and link of an account, and makes strangers of the devices that it knows; and, with
    /// `deactivate`, lets nobody in any more.
    pub async fn end_all(&self, account: &AccountName, deactivate: bool) -> Result<(), StoreError> {
        let Table { client, name } = &self.0;
        let update = "SET version = version + :one";
        let mut call = client
            .update_item()
            .table_name(name)
            .set_key(Some(credentials::key(account)))
            .condition_expression("attribute_exists(account)")
            .expression_attribute_values(":one", number(1));
        call = if deactivate {
            call.update_expression(format!("{update}, active = :no"))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
        } else {
            call.update_expression(update)
        };
        let answer = call.send().await;
        if_held(answer, "end sessions").map(drop)
    }
}

impl MailRequests {
    /// The requests under a name, oldest first. Those that cannot be read are left out.
    pub async fn of(&self, name_key: &AccountKey) -> Result<Vec<Kept>, StoreError> {
        let items = self.0.partition("name_key", name_key.as_str()).await?;
        let mut requests: Vec<Kept> = items.into_iter().filter_map(|item| read(item).ok()).collect();
        requests.sort_by_key(|request| request.created_at);
        Ok(requests)
    }

    /// The requests that need a hand, oldest first; of one that cannot be read, which it is.
    pub async fn at_the_desk(&self) -> Result<Vec<Result<Kept, RequestId>>, StoreError> {
        const DOING: &str = "read what needs a hand";
        let Table { client, name } = &self.0;
        let ids = client
            .query()
            .table_name(name)
            .index_name("by_queue")
            .key_condition_expression("queue = :desk")
            .expression_attribute_values(":desk", text(DESK))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        let ids: Vec<RequestId> =
            ids.map_err(failed(DOING))?.into_iter().map(read).collect::<Result<_, StoreError>>()?;
        let mut requests = HashMap::new();
        for chunk in ids.chunks(READ_AT_ONCE) {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(chunk.iter().map(request_key).collect()))
                .consistent_read(true)
                .build();
            for item in self.0.batch(keys.map_err(failed(DOING))?, DOING).await? {
                let id: RequestId = read(item.clone())?;
                requests.insert((id.name_key.as_str().to_owned(), id.request), read::<Kept>(item).ok());
            }
        }
        let of_id = |id: RequestId| {
            let found = requests.remove(&(id.name_key.as_str().to_owned(), id.request.clone()))?;
            Some(found.ok_or(id))
        };
        Ok(ids.into_iter().filter_map(of_id).collect())
    }

    /// Takes a request off the desk's list and, with `again`, puts that one instead. Whether it was still on the list.
    pub async fn take_up(&self, id: &RequestId, again: Option<&MailRequest>) -> Result<bool, StoreError> {
        const DOING: &str = "take a request off the desk's list";
        let off = Update::builder()
            .table_name(&self.0.name)
            .set_key(Some(request_key(id)))
            .update_expression("REMOVE queue, next_attempt_at")
            .condition_expression("queue = :desk")
            .expression_attribute_values(":desk", text(DESK))
            .build()
            .map_err(failed(DOING))?;
        let mut items = vec![TransactWriteItem::builder().update(off).build()];
        items.extend(again.map(|again| self.put(again)).transpose()?);
        Ok(matches!(write_all(&self.0.client, DOING, items).await?, Outcome::Committed))
    }
}

impl Tokens {
    /// The links of an account, those that end first first.
    pub async fn of(&self, account: &AccountName) -> Result<Vec<Link>, StoreError> {
        let items = self.0.scan(Some(account), Some("for_request, version, expires_at, used_at")).await?;
        let mut links: Vec<Link> = items.into_iter().map(read).collect::<Result<_, _>>()?;
        links.sort_by_key(|link| link.expires_at);
        Ok(links)
    }
}

impl Devices {
    /// The devices of an account.
    pub async fn of(&self, account: &AccountName) -> Result<Vec<Device>, StoreError> {
        self.0.partition("account", account.as_str()).await?.into_iter().map(read).collect()
    }
}

impl Events {
    /// Notes what is about to be done at the desk, to an account or to none.
    pub async fn note_act(&self, account: Option<&AccountKey>, act: &Act) -> Result<(), StoreError> {
        let account_key = account.map_or_else(|| ACTS.to_owned(), acts_on);
        let item = write(&NewAct { account_key, at_id: at_id(), ttl: act.happened_at + ACTS_KEPT, act })?;
        let Table { client, name } = &self.0;
        let answer = client.put_item().table_name(name).set_item(Some(item)).send().await;
        answer.map(drop).map_err(failed("note what the desk does"))
    }

    /// What the desk did to an account, oldest first.
    pub async fn acts_on(&self, account: &AccountKey) -> Result<Vec<Act>, StoreError> {
        self.0.partition("account_key", &acts_on(account)).await?.into_iter().map(read).collect()
    }

    /// All that is noted: to whom it happened, where it was an account, and what.
    pub async fn all(&self) -> Result<Vec<(Option<AccountKey>, Noted)>, StoreError> {
        #[derive(Deserialize)]
        struct Whose {
            account_key: String,
        }
        let read_one = |item: Item| {
            let Whose { account_key } = read(item.clone())?;
            Ok(match account_key.strip_prefix(ACTS) {
                Some(rest) => (rest.strip_prefix('#').map(AccountKey::kept), Noted::Act(read(item)?)),
                None => (Some(AccountKey::kept(&account_key)), Noted::Event(read(item)?)),
            })
        };
        self.0.scan(None, None).await?.into_iter().map(read_one).collect()
    }
}

fn acts_on(account: &AccountKey) -> String {
    format!("{ACTS}#{}", account.as_str())
}
