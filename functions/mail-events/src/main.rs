//! The Lambda function `mail-events`.

use guichet_core::{aws, log};
use lambda_runtime::{Error, run, service_fn};
use mail_events::MailEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin();
    let mail_events = &MailEvents::from_env(&aws::config()?)?;
    run(service_fn(|event| mail_events.handle(event))).await
}
