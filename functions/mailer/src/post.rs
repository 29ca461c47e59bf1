//! Sending through SES.

use crate::letter::Letter;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use aws_sdk_sesv2::error::{BuildError, DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use guichet_core::aws::Aws;
use guichet_core::config::{self, ConfigError};
use guichet_core::log::chain;
use guichet_core::mailbox::MailAddress;
use guichet_core::store::mail_request::RequestId;
use lambda_runtime::tracing;
use std::io;
use std::time::Duration;

/// SES gets one attempt per delivery: what timed out may have been sent, and only the request's own count of attempts
/// knows how often that may happen.
const ATTEMPT: Duration = Duration::from_secs(5);

/// SES refuses these for good; another attempt would be refused alike.
const FOR_GOOD: [&str; 6] = [
    // The address is not of the organisation's domains (`MailDomains`).
    "AccessDeniedException",
    "MessageRejected",
    "MailFromDomainNotVerifiedException",
    "AccountSuspendedException",
    "BadRequestException",
    "NotFoundException",
];

/// SES takes nothing at the moment: too many in a second or in a day, or sending is paused. The mail is certainly not out.
const NOT_NOW: [&str; 4] =
    ["TooManyRequestsException", "ThrottlingException", "LimitExceededException", "SendingPausedException"];

/// What came of a delivery.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// SES took the mail.
    Accepted,
    /// SES refused it for good, with this code.
    Refused(String),
    /// SES takes nothing at the moment, and did not take this.
    NotNow,
    /// It could not be had, or its answer was lost.
    TryAgain,
}

/// The way to SES.
pub(crate) struct Post {
    ses: aws_sdk_sesv2::Client,
    from: String,
    configuration_set: String,
}

impl Post {
    /// `MAIL_FROM`, `DESK_NAME`, `MAIL_CONFIGURATION_SET`.
    pub(crate) fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let limits = TimeoutConfig::builder().operation_timeout(ATTEMPT).operation_attempt_timeout(ATTEMPT).build();
        let ses = aws_sdk_sesv2::config::Builder::from(&aws.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(limits);
        Ok(Self {
            ses: aws_sdk_sesv2::Client::from_conf(ses.build()),
            from: config::text("MAIL_FROM")?,
            configuration_set: config::text("MAIL_CONFIGURATION_SET")?,
        })
    }

    /// Sends a letter. The request's key goes along in the message's tags, and comes back in all that SES tells of it.
    pub(crate) async fn send(&self, to: &MailAddress, letter: &Letter, id: &RequestId) -> Posted {
        let made = content(letter)
            .and_then(|content| Ok((content, tag("name", id.name_key.as_str())?, tag("request", &id.tag())?)));
        let (content, name, request) = match made {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(error.chain = chain(&error), "a mail could not be made");
                return Posted::Refused("unmakeable".into());
            }
        };
        let sent = self
            .ses
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(content)
            .configuration_set_name(&self.configuration_set)
            .email_tags(name)
            .email_tags(request)
            .send()
            .await;
        sent.map_or_else(|error| not_taken(&error, id), |_| Posted::Accepted)
    }
}

fn not_taken(error: &SdkError<SendEmailError>, id: &RequestId) -> Posted {
    if never_connected(error) {
        tracing::error!(mail.request = id.brief(), "SES cannot be reached");
        return Posted::NotNow;
    }
    // The address is not logged; SES's own words may quote it, so only the code is.
    let code = error
        .as_service_error()
        .map_or_else(|| DisplayErrorContext(error).to_string(), |error| error.code().unwrap_or("unnamed").to_owned());
    let posted = Posted::refused_with(&code);
    tracing::error!(mail.request = id.brief(), ses.error = code, mail.came_to = ?posted, "a mail was not taken");
    posted
}

impl Posted {
    /// What SES's code for a refusal means; whatever is not known to be certain may have been sent.
    fn refused_with(code: &str) -> Self {
        match code {
            code if FOR_GOOD.contains(&code) => Self::Refused(code.to_owned()),
            code if NOT_NOW.contains(&code) => Self::NotNow,
            _ => Self::TryAgain,
        }
    }
}

/// Whether there was no connection to SES at all, so that the mail is certainly not out.
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

fn content(letter: &Letter) -> Result<EmailContent, BuildError> {
    let utf8 = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let body = Body::builder().text(utf8(&letter.text)?).html(utf8(&letter.html)?).build();
    let message = Message::builder().subject(utf8(letter.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}

#[cfg(test)]
mod tests {
    use super::Posted;

    #[test]
    fn only_a_certain_refusal_costs_no_attempt() {
        for (code, expected) in [
            ("MessageRejected", Posted::Refused("MessageRejected".into())),
            ("TooManyRequestsException", Posted::NotNow),
            ("ThrottlingException", Posted::NotNow),
            ("LimitExceededException", Posted::NotNow),
            ("SendingPausedException", Posted::NotNow),
            ("InternalServiceErrorException", Posted::TryAgain),
            ("dispatch failure: TooManyRequestsException", Posted::TryAgain),
            ("unnamed", Posted::TryAgain),
        ] {
            assert_eq!(Posted::refused_with(code), expected, "{code}");
        }
    }
}
