//! The Lambda function `register`.

use guichet_core::aws;
use guichet_http::{Door, serve};
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve(Door::from_env(&aws::config()?).await?, register::handle).await
}
