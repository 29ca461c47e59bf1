use guichet_http::{LinkRequestContext, serve};
use guichet_platform::aws::Aws;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(LinkRequestContext::from_env(&Aws::from_env()?).await?, request_reset::handle).await
}
