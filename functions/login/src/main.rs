//! The Lambda function `login`.

use guichet_core::aws;
use guichet_http::serve;
use lambda_http::Error;
use login::{Context, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(Context::from_env(&aws::config()?).await?, handle).await
}
