//! Records SES delivery events on the requests that the mails were for, so that the desk can see where a mail is.

mod ses;

use guichet_domain::mail_request::RequestStatus;
use guichet_platform::aws::Aws;
use guichet_platform::clock;
use guichet_platform::env::ConfigError;
use guichet_platform::metrics::{self, Metric};
use guichet_store::directory::Directory;
use guichet_store::mail_requests::MailRequests;
use lambda_runtime::{Error, LambdaEvent, tracing};
use serde_json::Value;

pub struct MailEvents {
    mail_requests: MailRequests,
    directory: Directory,
}

impl MailEvents {
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        Ok(Self { mail_requests: MailRequests::from_env(client)?, directory: Directory::from_env(client)? })
    }

    /// Handles one `EventBridge` event. Idempotent, so Lambda may retry after an error.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Error> {
        let Some(event) = ses::parse(&event.payload) else {
            // The content is not logged, because it contains an address.
            tracing::warn!("delivery event without request id");
            return Ok(());
        };
        let now = clock::now();
        let account = self.mail_requests.record_delivery(&event.request, &event.delivery, now).await?;
        let status = event.delivery.status;
        tracing::info!(
            mail.request = event.request.log_id(),
            mail.status = status.as_str(),
            mail.reason = event.delivery.reason,
            is_first_report = account.is_some(),
            "delivery event recorded"
        );
        if account.is_some() && status == RequestStatus::Failed {
            metrics::increment(Metric::EmailsFailed);
        }
        if let (Some(account), Some(address)) = (account, event.bounced_address) {
            self.directory.mark_bounced(&account, &address, now).await?;
        }
        Ok(())
    }
}
