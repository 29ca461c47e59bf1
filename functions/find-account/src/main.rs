//! The Lambda function `find-account`.

use find_account::{Context, handle};
use guichet_core::aws;
use guichet_http::serve;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(Context::from_env(&aws::config()?).await?, handle).await
}
