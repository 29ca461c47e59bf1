//! The AWS clients, with explicit limits: what hangs must not hang a person.

pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

use aws_config::BehaviorVersion;
use std::time::Duration;

/// Attempts of one DynamoDB or Secrets Manager call, the first included. Every write is conditional or carries a
/// client request token, so a repeated one does nothing twice.
const ATTEMPTS: u32 = 3;
/// One attempt's limit. DynamoDB answers in milliseconds; what takes longer is better asked again.
const ATTEMPT: Duration = Duration::from_secs(1);
/// The whole call's limit: three attempts and their pauses, well below a function's 10 s.
const OPERATION: Duration = Duration::from_secs(4);

/// The configuration of all clients of this process, from the environment that Lambda sets.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(ATTEMPT)
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(OPERATION)
                .build(),
        )
        .load()
        .await
}

/// The DynamoDB client.
#[must_use]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}
