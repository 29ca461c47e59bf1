//! Writes down what SES tells of each mail, so that the desk need not guess where one is.

mod ses;

use guichet_core::aws::Aws;
use guichet_core::clock;
use guichet_core::config::ConfigError;
use guichet_core::metrics::{self, Metric};
use guichet_core::store::directory::Directory;
use guichet_core::store::mail_request::Status;
use guichet_core::store::mail_requests::MailRequests;
use lambda_runtime::{Error, LambdaEvent, tracing};
use serde_json::Value;

/// What the function needs.
pub struct MailEvents {
    mail_requests: MailRequests,
    directory: Directory,
}

impl MailEvents {
    /// As the template's variables say.
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        Ok(Self { mail_requests: MailRequests::from_env(client)?, directory: Directory::from_env(client)? })
    }

    /// Takes one event of SES off the bus. Told again it does the same again, so that a failure may be repeated.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Error> {
        let Some(event) = ses::read(&event.payload) else {
            // Its content is not logged: it holds an address.
            tracing::warn!("an event that tells of no request");
            return Ok(());
        };
        let now = clock::now();
        let account = self.mail_requests.tell(&event.request, &event.told, now).await?;
        let (request, status) = (event.request.brief(), event.told.status);
        tracing::info!(mail.request = request, mail.status = ?status, mail.reason = event.told.reason, news = account.is_some(), "SES told");
        if account.is_some() && status == Status::Failed {
            metrics::count(Metric::EmailsFailed);
        }
        if let (Some(account), Some(address)) = (account, event.gone) {
            self.directory.mark_bounced(&account, &address, now).await?;
        }
        Ok(())
    }
}
