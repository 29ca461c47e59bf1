//! The Lambda function `authorizer`.

use authorizer::Authorizer;
use guichet_core::aws::Aws;
use guichet_core::log;
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin();
    let authorizer = &Authorizer::from_env(&Aws::from_env()?)?;
    run(service_fn(|event| authorizer.handle(event))).await
}
