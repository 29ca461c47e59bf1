//! The AWS clients, with explicit limits: what hangs must not hang a person.

pub use aws_smithy_http_client::tls::TrustStore;
pub use aws_types::SdkConfig;

use crate::config::{self, ConfigError};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::sync::OnceLock;
use std::time::Duration;

/// Attempts of one DynamoDB or Secrets Manager call, the first included. Every write is conditional or carries a
/// client request token, so a repeated one does nothing twice.
const ATTEMPTS: u32 = 3;
/// One attempt's limit. DynamoDB answers in milliseconds; what takes longer is better asked again.
const ATTEMPT: Duration = Duration::from_secs(1);
/// The whole call's limit: three attempts and their pauses, well below a function's 10 s.
const OPERATION: Duration = Duration::from_secs(4);

/// The clients of this process, each made once: what one reads before its first call is a sixth of what a cold start
/// computes.
pub struct Aws {
    /// What further clients are made with.
    pub config: SdkConfig,
    /// `DynamoDB`.
    pub dynamodb: aws_sdk_dynamodb::Client,
    secrets: OnceLock<aws_sdk_secretsmanager::Client>,
}

impl Aws {
    /// As the environment says that Lambda sets. It gives region and credentials there and nowhere else, so that no other
    /// place is asked at a cold start.
    pub fn from_env() -> Result<Self, ConfigError> {
        let session_token = config::optional("AWS_SESSION_TOKEN");
        let (id, secret) = (config::text("AWS_ACCESS_KEY_ID")?, config::text("AWS_SECRET_ACCESS_KEY")?);
        let credentials = Credentials::new(id, secret, session_token, None, "environment");
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config::text("AWS_REGION")?))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(retries())
            .timeout_config(limits())
            .http_client(https(amazon()))
            .service_config(EndpointOfOne);
        sdk.set_endpoint_url(config::optional("AWS_ENDPOINT_URL"));
        Ok(Self::new(sdk.build()))
    }

    /// With this configuration.
    #[must_use]
    pub fn new(config: SdkConfig) -> Self {
        Self { dynamodb: aws_sdk_dynamodb::Client::new(&config), secrets: OnceLock::new(), config }
    }

    /// Secrets Manager.
    pub fn secrets(&self) -> &aws_sdk_secretsmanager::Client {
        self.secrets.get_or_init(|| aws_sdk_secretsmanager::Client::new(&self.config))
    }
}

/// The roots of Amazon Trust Services, from which all AWS services have their certificates: `data/README.md`.
fn amazon() -> TrustStore {
    TrustStore::empty().with_pem_certificate(include_bytes!("../data/amazon-roots.pem"))
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

/// The one HTTP client of a process, which trusts these certificates: they are read once, and its connections are shared by
/// all that goes to the same host.
#[must_use]
pub fn https(trusted: TrustStore) -> SharedHttpClient {
    let Ok(context) = TlsContext::builder().with_trust_store(trusted).build() else {
        unreachable!("certificates are looked at when the first client is built")
    };
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https()
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
