//! What only the desk and its tool do with the tables: read everything about one account, lift its limits, erase it,
//! and copy restored tables. No function does any of this.

mod active_limits;
mod erase;
pub(crate) mod restore;

pub(crate) use active_limits::{AccountCounters, ActiveLimit};

use aws_sdk_dynamodb::types::{KeysAndAttributes, TransactWriteItem, Update};
use guichet_domain::account::AccountName;
use guichet_domain::device::Device;
use guichet_domain::event::{ClientInfo, Event};
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::mail_request::{MailRequest, RequestId, RequestKind, RequestStatus};
use guichet_domain::time::UnixTime;
use guichet_store::credentials::Credentials;
use guichet_store::devices::Devices;
use guichet_store::directory::{self, Directory, Entry};
use guichet_store::events::{Events, at_id};
use guichet_store::mail_requests::{DESK, MailRequests, key as request_key};
use guichet_store::sessions::Sessions;
use guichet_store::table::{Item, condition_met, from_item, s, store_error, to_item};
use guichet_store::throttles::Throttles;
use guichet_store::tokens::Tokens;
use guichet_store::transaction::{TransactionOutcome, transact};
use guichet_store::{MAX_BATCH_GET, StoreError, Table};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

const AUDIT_RETENTION: Duration = Duration::from_hours(365 * 24);
/// Prefix of the partitions of the Events table that contain the desk's audit log.
const AUDIT: &str = "desk";

/// What the tables say about an account's password, without the hash.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct PasswordRecord {
    pub(crate) version: u64,
    pub(crate) active: bool,
    /// When the password was last set; `None` if it never was.
    pub(crate) changed_at: Option<UnixTime>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredRequest {
    #[serde(flatten)]
    pub(crate) id: RequestId,
    pub(crate) kind: RequestKind,
    pub(crate) status: RequestStatus,
    #[serde(flatten)]
    pub(crate) client: ClientInfo,
    pub(crate) created_at: UnixTime,
    pub(crate) ended_at: Option<UnixTime>,
    /// When SES last reported about its mail.
    pub(crate) delivery_updated_at: Option<UnixTime>,
    /// Why it failed or bounced.
    pub(crate) reason: Option<String>,
    queue: Option<String>,
}

impl StoredRequest {
    /// Whether a mailer deferred it: SES accepts nothing, or the email rate limit is reached.
    pub(crate) fn is_deferred(&self) -> bool {
        self.queue.as_deref() == Some(self.id.queue().deferred_key())
    }

    pub(crate) fn is_on_desk_list(&self) -> bool {
        self.queue.as_deref() == Some(DESK)
    }
}

/// A mailed link, without its hash.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct LinkInfo {
    /// [`RequestId::request`] of the request that it was mailed for.
    pub(crate) for_request: String,
    pub(crate) version: u64,
    pub(crate) expires_at: UnixTime,
    pub(crate) used_at: Option<UnixTime>,
}

/// Who did what at the desk, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) happened_at: UnixTime,
    /// Name of the command.
    pub(crate) action: String,
    /// The ARN of the caller's AWS credentials; on the local stack the user of the machine.
    pub(crate) by: String,
}

#[derive(Serialize)]
struct NewAuditEntry<'a> {
    account_key: String,
    at_id: String,
    ttl: UnixTime,
    #[serde(flatten)]
    entry: &'a AuditEntry,
}

/// An item of the Events table.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum AuditRecord {
    Event(Event),
    Entry(AuditEntry),
}

impl AuditRecord {
    pub(crate) fn happened_at(&self) -> UnixTime {
        match self {
            Self::Event(event) => event.happened_at,
            Self::Entry(entry) => entry.happened_at,
        }
    }
}

/// The tables, with the desk's operations on them.
pub(crate) struct DeskStore {
    pub(crate) directory: Directory,
    pub(crate) credentials: Credentials,
    pub(crate) mail_requests: MailRequests,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    pub(crate) devices: Devices,
    pub(crate) throttles: Throttles,
    pub(crate) events: Events,
}

/// All items, or those of an account; whole or projected.
async fn scan(table: &Table, account: Option<&AccountName>, attributes: Option<&str>) -> Result<Vec<Item>, StoreError> {
    let Table { client, name } = table;
    let mut call = client.scan().table_name(name).set_projection_expression(attributes.map(str::to_owned));
    if let Some(account) = account {
        call =
            call.filter_expression("account = :account").expression_attribute_values(":account", s(account.as_str()));
    }
    let items = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    items.map_err(store_error("scan a table"))
}

/// All entries of the directory.
pub(crate) async fn all_entries(directory: &Directory) -> Result<Vec<Entry>, StoreError> {
    // The item with the time of the last import has no name.
    let people = scan(&directory.0, None, None).await?.into_iter().filter(|item| item.contains_key("family_name"));
    people.map(from_item).collect()
}

impl DeskStore {
    /// Sends mail to this account's address again after a bounce.
    pub(crate) async fn clear_bounce(&self, account: &AccountName) -> Result<(), StoreError> {
        let Table { client, name } = &self.directory.0;
        let output = client
            .update_item()
            .table_name(name)
            .set_key(Some(directory::key(account)))
            .update_expression("REMOVE bounced_at")
            .condition_expression("attribute_exists(bounced_at)")
            .send()
            .await;
        condition_met(output, "clear a bounce").map(drop)
    }

    pub(crate) async fn password_record(&self, account: &AccountName) -> Result<Option<PasswordRecord>, StoreError> {
        self.credentials.project(account, "account, version, active, changed_at").await
    }

    /// The requests of an account, oldest first. Malformed ones are left out.
    pub(crate) async fn requests_of(&self, account_key: &AccountPseudonym) -> Result<Vec<StoredRequest>, StoreError> {
        let items = self.mail_requests.0.partition("account_key", account_key.as_str()).await?;
        let mut requests: Vec<StoredRequest> = items.into_iter().filter_map(|item| from_item(item).ok()).collect();
        requests.sort_by_key(|request| request.created_at);
        Ok(requests)
    }

    /// The requests that need attention, oldest first; only the id of a malformed one.
    pub(crate) async fn list_failed(&self) -> Result<Vec<Result<StoredRequest, RequestId>>, StoreError> {
        const CONTEXT: &str = "list the requests that need attention";
        let table = &self.mail_requests.0;
        let ids = table
            .client
            .query()
            .table_name(&table.name)
            .index_name("by_queue")
            .key_condition_expression("queue = :desk")
            .expression_attribute_values(":desk", s(DESK))
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        let ids: Vec<RequestId> =
            ids.map_err(store_error(CONTEXT))?.into_iter().map(from_item).collect::<Result<_, StoreError>>()?;
        let mut requests = HashMap::new();
        for chunk in ids.chunks(MAX_BATCH_GET) {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(chunk.iter().map(request_key).collect()))
                .consistent_read(true)
                .build();
            for item in table.batch(keys.map_err(store_error(CONTEXT))?, CONTEXT).await? {
                let id: RequestId = from_item(item.clone())?;
                requests
                    .insert((id.account_key.as_str().to_owned(), id.request), from_item::<StoredRequest>(item).ok());
            }
        }
        let of_id = |id: RequestId| {
            let found = requests.remove(&(id.account_key.as_str().to_owned(), id.request.clone()))?;
            Some(found.ok_or(id))
        };
        Ok(ids.into_iter().filter_map(of_id).collect())
    }

    /// Takes a request off the desk's list and, in the same transaction, puts its replacement. Returns whether it was
    /// still on the list.
    pub(crate) async fn acknowledge(
        &self,
        id: &RequestId,
        replacement: Option<&MailRequest>,
    ) -> Result<bool, StoreError> {
        const CONTEXT: &str = "acknowledge a request";
        let table = &self.mail_requests.0;
        let remove = Update::builder()
            .table_name(&table.name)
            .set_key(Some(request_key(id)))
            .update_expression("REMOVE queue, next_attempt_at")
            .condition_expression("queue = :desk")
            .expression_attribute_values(":desk", s(DESK))
            .build()
            .map_err(store_error(CONTEXT))?;
        let mut items = vec![TransactWriteItem::builder().update(remove).build()];
        items.extend(replacement.map(|request| self.mail_requests.put(request)).transpose()?);
        Ok(matches!(transact(&table.client, CONTEXT, items).await?, TransactionOutcome::Committed))
    }

    /// The links of an account in the order of their expiry.
    pub(crate) async fn links_of(&self, account: &AccountName) -> Result<Vec<LinkInfo>, StoreError> {
        let items = scan(&self.tokens.0, Some(account), Some("for_request, version, expires_at, used_at")).await?;
        let mut links: Vec<LinkInfo> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
        links.sort_by_key(|link| link.expires_at);
        Ok(links)
    }

    pub(crate) async fn devices_of(&self, account: &AccountName) -> Result<Vec<Device>, StoreError> {
        self.devices.0.partition("account", account.as_str()).await?.into_iter().map(from_item).collect()
    }

    /// Records an action of the desk, on an account or in general.
    pub(crate) async fn record_action(
        &self,
        account: Option<&AccountPseudonym>,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        let account_key = account.map_or_else(|| AUDIT.to_owned(), audit_key);
        let item =
            to_item(&NewAuditEntry { account_key, at_id: at_id(), ttl: entry.happened_at + AUDIT_RETENTION, entry })?;
        let Table { client, name } = &self.events.0;
        let output = client.put_item().table_name(name).set_item(Some(item)).send().await;
        output.map(drop).map_err(store_error("record an action of the desk"))
    }

    /// What the desk did to an account, oldest first.
    pub(crate) async fn acts_on(&self, account: &AccountPseudonym) -> Result<Vec<AuditEntry>, StoreError> {
        self.events.0.partition("account_key", &audit_key(account)).await?.into_iter().map(from_item).collect()
    }

    /// The whole Events table: events and audit log, with the account they concern.
    pub(crate) async fn audit_log(&self) -> Result<Vec<(Option<AccountPseudonym>, AuditRecord)>, StoreError> {
        #[derive(Deserialize)]
        struct Partition {
            account_key: String,
        }
        let parse = |item: Item| {
            let Partition { account_key } = from_item(item.clone())?;
            Ok(match account_key.strip_prefix(AUDIT) {
                Some(rest) => {
                    (rest.strip_prefix('#').map(AccountPseudonym::from_stored), AuditRecord::Entry(from_item(item)?))
                }
                None => (Some(AccountPseudonym::from_stored(&account_key)), AuditRecord::Event(from_item(item)?)),
            })
        };
        scan(&self.events.0, None, None).await?.into_iter().map(parse).collect()
    }
}

fn audit_key(account: &AccountPseudonym) -> String {
    format!("{AUDIT}#{}", account.as_str())
}
