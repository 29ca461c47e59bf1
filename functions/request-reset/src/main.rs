//! The Lambda function `request-reset`.

use guichet_core::aws;
use guichet_http::{Door, serve};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(Door::from_env(&aws::config()?).await?, request_reset::handle).await
}
