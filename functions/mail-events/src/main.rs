//! The Lambda function `mail-events`.

use guichet_core::aws;
use lambda_runtime::{Error, run, service_fn};
use mail_events::MailEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let mail_events = &MailEvents::from_env(&aws::config().await)?;
    run(service_fn(|event| mail_events.handle(event))).await
}
