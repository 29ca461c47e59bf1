//! `lambda_http` and one DynamoDB read per event, with the functions' client.

use guichet_platform::aws::Aws;
use guichet_platform::env;
use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (client, table) = (&Aws::from_env()?.dynamodb, &env::required("CREDENTIALS_TABLE")?);
    run(service_fn(|_: Request| async move {
        let account = aws_sdk_dynamodb::types::AttributeValue::S("p0".into());
        client.get_item().table_name(table).key("account", account).consistent_read(true).send().await?;
        Ok::<_, Error>(Response::new(Body::from("{}")))
    }))
    .await
}
