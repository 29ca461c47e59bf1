//! The Lambda function `mailer`.

use guichet_core::aws;
use lambda_runtime::{Error, run, service_fn};
use mailer::Mailer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let mailer = &Mailer::from_env(&aws::config().await)?;
    run(service_fn(|event| mailer.handle(event))).await
}
