//! Requests for a mailed link, from anyone on the internet. The work and the response are the same for every name, and
//! the functions that submit them have no permission to read which accounts exist, so account enumeration is
//! impossible.

use crate::devices::Devices;
use crate::mail_requests::{Acceptance, MailRequests};
use crate::table::StoreError;
use crate::throttles::Throttles;
use aws_sdk_dynamodb::Client;
use guichet_domain::account::AccountName;
use guichet_domain::client::ClientClass;
use guichet_domain::event::ClientInfo;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::mail_request::{MailRequest, RequestKind, account_charges};
use guichet_domain::rate_limit::{Charge, REQUESTS_PER_SOURCE};
use guichet_domain::secret::DeviceKeyHash;
use guichet_domain::time::UnixTime;
use guichet_platform::env::ConfigError;

pub struct LinkRequests {
    mail_requests: MailRequests,
    throttles: Throttles,
    devices: Devices,
}

pub struct LinkRequest {
    pub kind: RequestKind,
    pub account: AccountName,
    pub account_key: AccountPseudonym,
    /// Pseudonym of the client's source.
    pub source_key: String,
    /// The device that the client claims to be.
    pub device: Option<DeviceKeyHash>,
    /// Its class is what the client's address says.
    pub client: ClientInfo,
    pub now: UnixTime,
}

impl LinkRequests {
    pub fn from_env(client: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            mail_requests: MailRequests::from_env(client)?,
            throttles: Throttles::from_env(client)?,
            devices: Devices::from_env(client)?,
        })
    }

    /// Puts the request into the outbox and charges its rate limits.
    pub async fn submit(&self, request: LinkRequest) -> Result<Acceptance, StoreError> {
        let class = self.classify(&request).await?;
        let charges = charges(&request, class);
        let LinkRequest { kind, account, account_key, client, now, .. } = request;
        let request = MailRequest::new_link(account, account_key, kind, class, client, now);
        tracing::info!(mail.request = request.id.log_id(), client.class = class.code(), "link requested");
        self.mail_requests.accept(&request, &self.throttles, &charges).await
    }

    /// A device cookie selects the rate limit, nothing more. Whether the account's current version still knows the
    /// device cannot be checked without reading credentials.
    async fn classify(&self, request: &LinkRequest) -> Result<ClientClass, StoreError> {
        let address_class = request.client.client_class;
        let Some(device) = &request.device else { return Ok(address_class) };
        let found = self.devices.find(&request.account, device).await?;
        let is_unexpired = found.is_some_and(|device| device.is_unexpired(request.now));
        Ok(if is_unexpired { ClientClass::KnownDevice } else { address_class })
    }
}

fn charges(request: &LinkRequest, class: ClientClass) -> Vec<Charge> {
    let LinkRequest { kind, account_key, source_key, now, .. } = request;
    let mut charges = account_charges(*kind, account_key, class, *now).to_vec();
    if class == ClientClass::Untrusted {
        let source = format!("{}#address#{source_key}", kind.as_str());
        charges.extend(REQUESTS_PER_SOURCE.iter().map(|limit| limit.new_charge(&source, *now)));
    }
    charges
}
