//! What keeps somebody from signing in, or from getting a link.

use crate::class::Class;
use crate::clock::UnixTime;
use crate::keys::AccountKey;
use crate::mailbox::MailAddress;
use crate::outside::Braking;
use crate::quota::Spending;
use crate::secret::DeviceKeyHash;
use crate::store::mail_request::{Kind, Lane, quotas_of_a_mailbox, quotas_of_a_name};
use crate::store::throttles::{ByCounter, Throttles, keys as counter_keys};
use crate::store::{READ_AT_ONCE, StoreError};
use crate::throttle::{Budget, Counter, Tries};
use serde::Deserialize;
use std::time::Duration;

/// Something that keeps somebody from signing in, or from getting a link, for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// Too many failures of the account, for a class of client.
    SignIn(Class, Duration),
    /// Too many requests for a mail, outside (U) or where one is known.
    Mails(Class, Duration),
    /// The brake over all of outside.
    Brake(Duration),
}

impl Hindrance {
    /// For how long.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let (Self::SignIn(_, wait) | Self::Mails(_, wait) | Self::Brake(wait)) = self;
        *wait
    }
}

/// The counters of an account.
pub struct Counters {
    sign_in: Vec<(Class, Counter)>,
    mails: Vec<(Class, Spending)>,
    mailbox: Vec<Spending>,
}

impl Counters {
    /// Those of this account, of these of its devices, and of its mailbox.
    #[must_use]
    pub fn of(key: &AccountKey, devices: &[DeviceKeyHash], mailbox: Option<&MailAddress>, now: UnixTime) -> Self {
        let networks = [Class::M, Class::U].map(|class| (class, Counter::sign_in(key, class)));
        let devices = devices.iter().map(|device| (Class::D, Counter::sign_in_on(key, device)));
        let mails = [Kind::Register, Kind::RequestReset].into_iter().flat_map(|kind| {
            let of_class = move |class| quotas_of_a_name(kind, key, class, now).map(|spending| (class, spending));
            [Class::M, Class::U].into_iter().flat_map(of_class)
        });
        Self {
            sign_in: networks.into_iter().chain(devices).collect(),
            mails: mails.collect(),
            mailbox: mailbox.map(|to| quotas_of_a_mailbox(to, Lane::Outside, now)).unwrap_or_default(),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = Counter> {
        let spent = self.mails.iter().map(|(_, spending)| spending).chain(&self.mailbox);
        let spent = spent.map(|spending| spending.counter.clone());
        self.sign_in.iter().map(|(_, counter)| counter.clone()).chain(spent)
    }
}

impl Throttles {
    /// What hinders an account now.
    pub async fn hindrances(
        &self,
        counters: &Counters,
        min_length: usize,
        now: UnixTime,
    ) -> Result<Vec<Hindrance>, StoreError> {
        #[derive(Default, Deserialize)]
        struct Spent {
            spent: u32,
        }
        let names: Vec<_> = counters.names().chain([Counter::brake()]).collect();
        let mut items = Vec::new();
        // A person of many workstations has many devices.
        for chunk in names.chunks(READ_AT_ONCE) {
            let keys = counter_keys(&chunk.iter().collect::<Vec<_>>())?;
            items.extend(self.0.batch(keys, "read counters").await?);
        }
        let items = ByCounter::of(items)?;
        let mut hindrances = Vec::new();
        for (class, counter) in &counters.sign_in {
            let tries: Tries = items.get(counter)?;
            hindrances.push(Hindrance::SignIn(*class, Budget::of_sign_in(*class, min_length).wait(&tries, now)));
        }
        for (class, spending) in &counters.mails {
            let spent: Spent = items.get(&spending.counter)?;
            if spent.spent >= spending.count {
                let wait = Duration::from_secs(now.seconds_until(spending.ends_at));
                hindrances.push(Hindrance::Mails(*class, wait));
            }
        }
        hindrances.push(Hindrance::Brake(items.get::<Braking>(&Counter::brake())?.wait(now)));
        hindrances.retain(|hindrance| !hindrance.wait().is_zero());
        Ok(hindrances)
    }
}
