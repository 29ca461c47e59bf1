//! Sending through SES.

use crate::template::Email;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{BuildError, DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::mail_request::RequestId;
use guichet_platform::aws::Aws;
use guichet_platform::env::{self, ConfigError};
use guichet_platform::log::error_chain;
use lambda_runtime::tracing;
use std::io;
use std::time::Duration;

/// One attempt per call, without the SDK's retries: a call that timed out may have sent the mail, and only the
/// request's own count of attempts limits how often that can happen.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A retry would fail the same way.
const PERMANENT: [&str; 6] = [
    // The address is not in `MailDomains`.
    "AccessDeniedException",
    "MessageRejected",
    "MailFromDomainNotVerifiedException",
    "AccountSuspendedException",
    "BadRequestException",
    "NotFoundException",
];

/// SES accepts nothing now: the rate or the daily quota is reached, or sending is paused. The mail was certainly not
/// sent.
const THROTTLED: [&str; 4] =
    ["TooManyRequestsException", "ThrottlingException", "LimitExceededException", "SendingPausedException"];

#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    Accepted,
    /// Permanently, with this error code.
    Rejected(String),
    /// Certainly not sent; SES accepts nothing now.
    Throttled,
    /// The response was lost or unclear: the mail may have been sent.
    Unknown,
}

pub(crate) struct SesSender {
    client: aws_sdk_sesv2::Client,
    from: String,
    configuration_set: String,
}

impl SesSender {
    /// `MAIL_FROM` and `MAIL_CONFIGURATION_SET`.
    pub(crate) fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let timeouts = TimeoutConfig::builder().operation_timeout(TIMEOUT).operation_attempt_timeout(TIMEOUT).build();
        let config = aws_sdk_sesv2::config::Builder::from(&aws.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        Ok(Self {
            client: aws_sdk_sesv2::Client::from_conf(config.build()),
            from: env::required("MAIL_FROM")?,
            configuration_set: env::required("MAIL_CONFIGURATION_SET")?,
        })
    }

    /// Sends a mail. Its tags carry the request's id, and SES repeats them in every delivery event.
    pub(crate) async fn send(&self, to: &EmailAddress, email: &Email, id: &RequestId) -> SendOutcome {
        let parts = content(email).and_then(|content| {
            Ok((content, tag("account", id.account_key.as_str())?, tag("request", &id.message_tag())?))
        });
        let (content, account, request) = match parts {
            Ok(parts) => parts,
            Err(error) => {
                tracing::error!(error.chain = error_chain(&error), "invalid email");
                return SendOutcome::Rejected("invalid".into());
            }
        };
        let output = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(content)
            .configuration_set_name(&self.configuration_set)
            .email_tags(account)
            .email_tags(request)
            .send()
            .await;
        output.map_or_else(|error| outcome_of(&error, id), |_| SendOutcome::Accepted)
    }
}

fn outcome_of(error: &SdkError<SendEmailError>, id: &RequestId) -> SendOutcome {
    if never_connected(error) {
        tracing::error!(mail.request = id.log_id(), "SES unreachable");
        return SendOutcome::Throttled;
    }
    // Only the code is logged, because SES's message may quote the address.
    let code = error
        .as_service_error()
        .map_or_else(|| DisplayErrorContext(error).to_string(), |error| error.code().unwrap_or("unnamed").to_owned());
    let outcome = SendOutcome::from_code(&code);
    tracing::error!(mail.request = id.log_id(), ses.error = code, mail.outcome = ?outcome, "SES rejected message");
    outcome
}

impl SendOutcome {
    fn from_code(code: &str) -> Self {
        match code {
            code if PERMANENT.contains(&code) => Self::Rejected(code.to_owned()),
            code if THROTTLED.contains(&code) => Self::Throttled,
            _ => Self::Unknown,
        }
    }
}

/// Whether there was no connection to SES, so that the mail was certainly not sent.
fn never_connected(error: &(dyn std::error::Error + 'static)) -> bool {
    let refused = error.downcast_ref::<io::Error>().is_some_and(|error| {
        use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
        matches!(error.kind(), AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkUnreachable)
    });
    refused || error.is::<ResolveDnsError>() || error.source().is_some_and(never_connected)
}

fn tag(name: &str, value: &str) -> Result<MessageTag, BuildError> {
    MessageTag::builder().name(name).value(value).build()
}

fn content(email: &Email) -> Result<EmailContent, BuildError> {
    let utf8 = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let body = Body::builder().text(utf8(&email.text)?).html(utf8(&email.html)?).build();
    let message = Message::builder().subject(utf8(email.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}

#[cfg(test)]
mod tests {
    use super::SendOutcome;

    #[test]
    fn ses_errors_are_permanent_throttled_or_unknown() {
        for (code, expected) in [
            ("MessageRejected", SendOutcome::Rejected("MessageRejected".into())),
            ("TooManyRequestsException", SendOutcome::Throttled),
            ("ThrottlingException", SendOutcome::Throttled),
            ("LimitExceededException", SendOutcome::Throttled),
            ("SendingPausedException", SendOutcome::Throttled),
            ("InternalServiceErrorException", SendOutcome::Unknown),
            ("dispatch failure: TooManyRequestsException", SendOutcome::Unknown),
            ("unnamed", SendOutcome::Unknown),
        ] {
            assert_eq!(SendOutcome::from_code(code), expected, "{code}");
        }
    }
}
