//! The door at which mails are asked for, by the whole internet. It knows nothing: the same work and the same answer
//! for every name, and no permission to read who exists.

use crate::{ApiError, Caller, Response, Site, accepted, json_body};
use guichet_core::account::AccountName;
use guichet_core::aws::Aws;
use guichet_core::class::Class;
use guichet_core::config::ConfigError;
use guichet_core::device;
use guichet_core::keys::{AccountKey, KeyRing, READ_ONCE, Secret};
use guichet_core::quota::{MAILS_FROM_AN_ADDRESS, Spending};
use guichet_core::store::devices::Devices;
use guichet_core::store::mail_request::{Kind, MailRequest, quotas_of_a_name};
use guichet_core::store::mail_requests::{Accepted, MailRequests};
use guichet_core::store::throttles::Throttles;
use lambda_http::{Request, tracing};
use serde::Deserialize;

/// What the door needs.
pub struct Door {
    site: Site,
    names: Secret,
    mail_requests: MailRequests,
    throttles: Throttles,
    devices: Devices,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    account: String,
}

impl Door {
    /// Opens the door of this function.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (site, names) = tokio::try_join!(Site::from_env(aws), Secret::from_env(aws, "NAMES_SECRET", READ_ONCE))?;
        Ok(Self {
            site,
            names,
            mail_requests: MailRequests::from_env(&aws.dynamodb)?,
            throttles: Throttles::from_env(&aws.dynamodb)?,
            devices: Devices::from_env(&aws.dynamodb)?,
        })
    }

    /// Takes a request for a mail of this kind.
    pub async fn ask(&self, kind: Kind, request: &Request) -> Result<Response, ApiError> {
        let caller = Caller::of(request, &self.site).await?;
        let form: Form = json_body(request)?;
        let account = AccountName::parse(&form.account)?;

        let names = &*self.names.ring(caller.now).await?;
        let key = AccountKey::of(&account, names);
        let class = self.class(&caller, &account, names).await?;
        let spendings = spendings(kind, &key, class, &caller, names);
        let asked = MailRequest::at_the_door(account, key, kind, class, caller.origin(), caller.now);
        tracing::info!(mail.request = asked.id.brief(), client.class = class.letter(), "asked");
        match self.mail_requests.accept(&asked, &self.throttles, &spendings).await? {
            Accepted::Yes => Ok(accepted()),
            Accepted::QuotaUsedUp(wait) => Err(ApiError::TooManyAttempts(wait)),
        }
    }

    /// A device's cookie chooses the quota, no more: whether it is still known to the account's present credentials
    /// cannot be asked here.
    async fn class(&self, caller: &Caller, account: &AccountName, names: &KeyRing) -> Result<Class, ApiError> {
        let Some(device) = caller.device_key(&device::tag(account, names)) else { return Ok(caller.network) };
        let found = self.devices.find(account, &device.hash()).await?;
        Ok(if found.is_some_and(|device| device.is_young(caller.now)) { Class::D } else { caller.network })
    }
}

fn spendings(kind: Kind, key: &AccountKey, class: Class, caller: &Caller, names: &KeyRing) -> Vec<Spending> {
    let mut spendings = quotas_of_a_name(kind, key, class, caller.now).to_vec();
    if class == Class::U {
        let address = format!("{}#address#{}", kind.as_str(), caller.whereabouts.key(names));
        spendings.extend(MAILS_FROM_AN_ADDRESS.iter().map(|quota| quota.spending(&address, caller.now)));
    }
    spendings
}
