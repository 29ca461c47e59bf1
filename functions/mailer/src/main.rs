//! The Lambda function `mailer`.

use guichet_core::aws::Aws;
use guichet_core::log;
use lambda_runtime::{Error, run, service_fn};
use mailer::Mailer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin();
    let mailer = &Mailer::from_env(&Aws::from_env()?)?;
    run(service_fn(|event| mailer.handle(event))).await
}
