use guichet_platform::aws::Aws;
use guichet_platform::log;
use lambda_runtime::{Error, run, service_fn};
use mail_events::MailEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init();
    let mail_events = &MailEvents::from_env(&Aws::from_env()?)?;
    run(service_fn(|event| mail_events.handle(event))).await
}
