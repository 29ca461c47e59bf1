use authorizer::Authorizer;
use guichet_platform::aws::Aws;
use guichet_platform::log;
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init();
    let authorizer = &Authorizer::from_env(&Aws::from_env()?)?;
    run(service_fn(|event| authorizer.handle(event))).await
}
