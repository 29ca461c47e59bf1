//! The AWS clients, with explicit limits: what hangs must not hang a person.

pub use aws_types::SdkConfig;

use crate::config::{self, ConfigError};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::time::Duration;

/// Attempts of one DynamoDB or Secrets Manager call, the first included. Every write is conditional or carries a
/// client request token, so a repeated one does nothing twice.
const ATTEMPTS: u32 = 3;
/// One attempt's limit. DynamoDB answers in milliseconds; what takes longer is better asked again.
const ATTEMPT: Duration = Duration::from_secs(1);
/// The whole call's limit: three attempts and their pauses, well below a function's 10 s.
const OPERATION: Duration = Duration::from_secs(4);

/// The configuration of all clients of this process, from the environment that Lambda sets. Lambda gives region and
/// credentials there and nowhere else, so that no other place is asked at a cold start.
pub fn config() -> Result<SdkConfig, ConfigError> {
    let session_token = config::optional("AWS_SESSION_TOKEN");
    let (id, secret) = (config::text("AWS_ACCESS_KEY_ID")?, config::text("AWS_SECRET_ACCESS_KEY")?);
    let credentials = Credentials::new(id, secret, session_token, None, "environment");
    let mut config = with_limits();
    config
        .set_region(Region::new(config::text("AWS_REGION")?))
        .set_credentials_provider(Some(SharedCredentialsProvider::new(credentials)))
        .set_endpoint_url(config::optional("AWS_ENDPOINT_URL"));
    Ok(config.service_config(EndpointOfOne).http_client(https()).build())
}

/// A configuration with the limits alone.
#[must_use]
pub fn with_limits() -> aws_types::sdk_config::Builder {
    SdkConfig::builder().behavior_version(BehaviorVersion::latest()).retry_config(retries()).timeout_config(limits())
}

/// How often a call is made.
#[must_use]
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

/// How long it may take.
#[must_use]
pub fn limits() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(ATTEMPT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// The one HTTP client of a process: its certificates are read once, its connections shared by all that are to the same host.
#[must_use]
pub fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The DynamoDB client.
#[must_use]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// `AWS_ENDPOINT_URL_<SERVICE>`, as all SDKs read it: on one machine SES has an address of its own.
#[derive(Debug)]
struct EndpointOfOne;

impl LoadServiceConfig for EndpointOfOne {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        (key.env() == "AWS_ENDPOINT_URL").then(|| config::optional(&format!("AWS_ENDPOINT_URL_{service}")))?
    }
}
