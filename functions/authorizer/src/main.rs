//! The Lambda function `authorizer`.

use authorizer::Authorizer;
use guichet_core::aws;
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let authorizer = &Authorizer::from_env(&aws::config().await)?;
    run(service_fn(|event| authorizer.handle(event))).await
}
