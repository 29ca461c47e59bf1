//! The door at which mails are asked for, by the whole internet. It knows nothing: the same work and the same answer
//! for every name, and no permission to read who exists.

use crate::{ApiError, Caller, Response, Site, accepted, json_body};
use guichet_core::account::AccountName;
use guichet_core::aws;
use guichet_core::config::ConfigError;
use guichet_core::keys::{AccountKey, Secret};
use guichet_core::store::Table;
use guichet_core::store::mail_requests::{Kind, MailRequest, MailRequests};
use lambda_http::{Request, tracing};
use serde::Deserialize;

/// What the door needs.
pub struct Door {
    site: Site,
    names: Secret,
    mail_requests: MailRequests,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    account: String,
}

impl Door {
    /// Opens the door of this function.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let aws = aws::config().await;
        let names = Secret::from_env(&aws, "NAMES_SECRET").await?;
        let mail_requests = MailRequests(Table::from_env(&aws::dynamodb(&aws), "MAIL_REQUESTS_TABLE")?);
        Ok(Self { site: Site::from_env()?, names, mail_requests })
    }

    /// Takes a request for a mail of this kind.
    pub async fn ask(&self, kind: Kind, request: &Request) -> Result<Response, ApiError> {
        let caller = Caller::of(request, &self.site)?;
        let form: Form = json_body(request)?;
        let account = AccountName::parse(&form.account)?;

        let key = AccountKey::of(&account, self.names.ring().await?);
        tracing::info!(
            account.key = key.brief(),
            client.class = caller.network.letter(),
            mail.kind = kind.as_str(),
            "asked"
        );
        let asked = MailRequest::at_the_door(account, key, kind, caller.network, caller.device, caller.now);
        self.mail_requests.accept(&asked).await?;
        Ok(accepted())
    }
}
