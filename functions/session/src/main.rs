use guichet_http::serve;
use guichet_platform::aws::Aws;
use lambda_http::Error;
use session::{Context, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(Context::from_env(&Aws::from_env()?).await?, handle).await
}
