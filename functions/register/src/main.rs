//! The Lambda function `register`.

use guichet_core::aws::Aws;
use guichet_http::{Door, serve};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(Door::from_env(&Aws::from_env()?).await?, register::handle).await
}
