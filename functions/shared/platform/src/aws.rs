//! AWS clients with explicit retries and timeouts.

pub use aws_smithy_http_client::tls::TrustStore;
pub use aws_types::SdkConfig;

use crate::env::{self, ConfigError};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::sync::OnceLock;
use std::time::Duration;

/// Attempts per DynamoDB or Secrets Manager call, the first included. Retries are safe: every write is conditional or
/// carries a client request token, which makes it idempotent.
const MAX_ATTEMPTS: u32 = 3;
/// DynamoDB answers in milliseconds, so a retry is better than a longer wait.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
/// Three attempts and their backoff, well below a function's timeout of 10 s.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);

/// The clients of this process. Each is made once, because making one is a sixth of a cold start's computation.
pub struct Aws {
    /// For further clients.
    pub config: SdkConfig,
    pub dynamodb: aws_sdk_dynamodb::Client,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Aws {
    /// From the variables that Lambda sets. No other credential source is tried, which would slow down a cold start.
    pub fn from_env() -> Result<Self, ConfigError> {
        let session_token = env::optional("AWS_SESSION_TOKEN");
        let (id, secret) = (env::required("AWS_ACCESS_KEY_ID")?, env::required("AWS_SECRET_ACCESS_KEY")?);
        let credentials = Credentials::new(id, secret, session_token, None, "environment");
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(env::required("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(retry_config())
            .timeout_config(timeout_config())
            .http_client(https_client(amazon_roots()))
            .service_config(ServiceEndpoint);
        sdk.set_endpoint_url(env::optional("AWS_ENDPOINT_URL"));
        Ok(Self::new(sdk.build()))
    }

    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self { dynamodb: aws_sdk_dynamodb::Client::new(&config), secrets: OnceLock::new(), config }
    }

    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.config))
    }
}

/// The roots of Amazon Trust Services, which issue the certificates of all AWS services (`data/README.md`).
fn amazon_roots() -> TrustStore {
    TrustStore::empty().with_pem_certificate(include_bytes!("../data/amazon-roots.pem"))
}

#[must_use]
pub fn retry_config() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS)
}

#[must_use]
pub fn timeout_config() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// The HTTP client of a process. All SDK clients share it, so that certificates are parsed once and connections are
/// reused.
#[must_use]
pub fn https_client(trusted: TrustStore) -> SharedHttpClient {
    let Ok(context) = TlsContext::builder().with_trust_store(trusted).build() else {
        unreachable!("certificates are parsed when the first client is built")
    };
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https()
}

/// `AWS_ENDPOINT_URL_<SERVICE>`, which `aws-config` would read. The local stack gives SES an address of its own.
#[derive(Debug)]
struct ServiceEndpoint;

impl LoadServiceConfig for ServiceEndpoint {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        (key.env() == "AWS_ENDPOINT_URL").then(|| env::optional(&format!("AWS_ENDPOINT_URL_{service}")))?
    }
}
