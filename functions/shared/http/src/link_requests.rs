//! What `register` and `request-reset` share.

use crate::{ApiError, Authentication, Caller, Response, Site, accepted};
use guichet_domain::account::AccountName;
use guichet_domain::mail_request::RequestKind;
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::secrets::{KeySecret, NEVER_REFRESH};
use guichet_store::link_requests::LinkRequests;
use guichet_store::mail_requests::Acceptance;
use serde::Deserialize;

pub struct LinkRequestContext {
    pub site: Site,
    pseudonym_keys: KeySecret,
    requests: LinkRequests,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountForm {
    pub account: String,
}

impl LinkRequestContext {
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (site, pseudonym_keys) =
            tokio::try_join!(Site::from_env(aws), KeySecret::from_env(aws, "PSEUDONYM_SECRET", NEVER_REFRESH))?;
        Ok(Self { site, pseudonym_keys, requests: LinkRequests::from_env(&aws.dynamodb)? })
    }

    /// Submits a request for a link. 202 for every name, or 429.
    pub async fn submit(&self, kind: RequestKind, account: AccountName, caller: &Caller) -> Result<Response, ApiError> {
        let pseudonym_keys = self.pseudonym_keys.current(caller.now).await?;
        let request = Authentication::new(caller, account, &pseudonym_keys).link_request(kind);
        match self.requests.submit(request).await? {
            Acceptance::Accepted => Ok(accepted()),
            Acceptance::RateLimited(wait) => Err(ApiError::TooManyAttempts(wait)),
        }
    }
}
