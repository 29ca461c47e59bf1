use guichet_platform::aws::Aws;
use guichet_platform::log;
use lambda_runtime::{Error, run, service_fn};
use mailer::Mailer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::init();
    let mailer = &Mailer::from_env(&Aws::from_env()?)?;
    run(service_fn(|event| mailer.handle(event))).await
}
