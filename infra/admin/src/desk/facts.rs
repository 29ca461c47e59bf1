//! What the tables say about an account.

use super::{Desk, DeskError};
use crate::store::{ActiveLimit, AuditEntry, LinkInfo, PasswordRecord, StoredRequest};
use guichet_domain::account::AccountName;
use guichet_domain::event::Event;
use guichet_domain::keys::AccountPseudonym;
use guichet_store::directory::Entry;

/// Everything that is stored about an account.
pub(super) struct Facts {
    pub(super) account: AccountName,
    pub(super) entry: Option<Entry>,
    pub(super) record: Option<PasswordRecord>,
    /// Other accounts with the same email address.
    pub(super) sharing: Vec<String>,
    pub(super) requests: Vec<StoredRequest>,
    pub(super) links: Vec<LinkInfo>,
    pub(super) events: Vec<Event>,
    pub(super) actions: Vec<AuditEntry>,
    pub(super) active_limits: Vec<ActiveLimit>,
}

impl Desk {
    pub(super) async fn facts(&self, account: AccountName) -> Result<Facts, DeskError> {
        let key: AccountPseudonym = self.key(&account);
        let (entry, record, requests, links, mut events, actions) = futures_util::try_join!(
            self.store.directory.entry(&account),
            self.store.password_record(&account),
            self.store.requests_of(&key),
            self.store.links_of(&account),
            self.store.events.latest(&key, self.now),
            self.store.acts_on(&key),
        )?;
        events.reverse();
        let counters = self.counters(&account, entry.as_ref()).await?;
        let active_limits = self.store.active_limits(&counters, self.min_password_length, self.now).await?;
        let address = entry.as_ref().filter(|entry| entry.shared_mailbox).and_then(|entry| entry.email.as_ref());
        let sharing = match address {
            Some(address) => self.store.directory.find_by_email(address).await?,
            None => Vec::new(),
        };
        let sharing = sharing.into_iter().map(|found| found.account).filter(|other| *other != account);
        let sharing = sharing.map(|other| other.as_str().to_owned()).collect();
        Ok(Facts { account, entry, record, sharing, requests, links, events, actions, active_limits })
    }
}
