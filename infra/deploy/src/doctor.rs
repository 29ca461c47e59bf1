//! Checks of a deployed stack and its account, by calls that change nothing.

use crate::aws_cli::{AwsError, Deployed, aws};
use crate::site::RELEASE;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    Missing,
    /// The check could not be made.
    Unknown,
}

#[derive(Debug, Serialize)]
pub struct Finding {
    pub state: State,
    /// Includes what to do.
    pub says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Unknown => "unknown",
        };
        write!(f, "{state:<8} {}", self.says)
    }
}

fn check(passes: bool, ok: impl Into<String>, missing: impl Into<String>) -> Finding {
    if passes {
        Finding { state: State::Ok, says: ok.into() }
    } else {
        Finding { state: State::Missing, says: missing.into() }
    }
}

fn unknown(says: String) -> Finding {
    Finding { state: State::Unknown, says }
}

/// Checks what a portal needs and a deployment alone does not provide. Fails only if the stack does not exist: if a
/// call of a check fails, that check is unknown.
pub fn doctor(stack: &str) -> Result<Vec<Finding>, AwsError> {
    let deployed = Deployed::describe(stack)?;
    let checks = [ses, identity, secrets, alarms, address, site]
        .map(|part| part(&deployed).unwrap_or_else(|error| vec![unknown(format!("{:#}", anyhow::Error::new(error)))]));
    Ok(checks.into_iter().flatten().chain([dmarc(&deployed)]).collect())
}

fn domain(deployed: &Deployed) -> &str {
    deployed.parameter("MailFrom").split('@').nth(1).unwrap_or_default()
}

fn ses(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let account = aws(["sesv2", "get-account"])?;
    let quota = |name: &str| account["SendQuota"][name].as_f64().unwrap_or_default();
    let (per_day, per_second) = (quota("Max24HourSend"), quota("MaxSendRate"));
    let limit: f64 = deployed.parameter("EmailsPerHour").parse().unwrap_or_default();
    // A daily quota of -1 means none.
    let suffices = (per_day < 0.0 || per_day >= limit) && per_second * 3600.0 >= limit;
    let quotas = format!("SES accepts {per_day} emails a day and {per_second} a second; EmailsPerHour is {limit}");
    Ok(vec![
        check(
            account["ProductionAccessEnabled"] == true,
            "SES is out of the sandbox",
            "SES is in the sandbox and sends only to verified addresses: aws sesv2 put-account-details --production-access-enabled …",
        ),
        check(
            account["SendingEnabled"] == true,
            "SES sends for this account",
            "SES has stopped sending for this account: see its console",
        ),
        check(suffices, quotas.clone(), format!("{quotas}: request a higher quota, or lower EmailsPerHour")),
    ])
}

fn identity(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let domain = domain(deployed);
    let identity = match aws(["sesv2", "get-email-identity", "--email-identity", domain]) {
        Err(AwsError::Failed { message, .. }) if message.contains("NotFoundException") => {
            return Ok(vec![check(
                false,
                "",
                format!("SES has no identity {domain}: deploy with MailIdentity=create, or create it"),
            )]);
        }
        result => result?,
    };
    let dkim = &identity["DkimAttributes"];
    Ok(vec![
        check(
            identity["VerifiedForSendingStatus"] == true,
            format!("{domain} is verified"),
            format!("{domain} is not verified: set the CNAMEs of the outputs DkimRecord1 to 3"),
        ),
        check(
            dkim["SigningEnabled"] == true && dkim["Status"] == "SUCCESS",
            format!("emails of {domain} are signed (DKIM)"),
            format!(
                "emails of {domain} are not signed (DKIM): enable it, and set the CNAMEs of the outputs DkimRecord1 to 3"
            ),
        ),
    ])
}

/// AWS has no call for it. The record of a parent domain counts as well (RFC 7489, section 6.6.3).
fn dmarc(deployed: &Deployed) -> Finding {
    let domain = domain(deployed);
    let parents = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]).filter(|name| name.contains('.'));
    for name in [domain].into_iter().chain(parents).map(|name| format!("_dmarc.{name}")) {
        match Command::new("dig").args(["+short", "TXT", &name]).output() {
            Ok(output) if output.status.success() => {
                if String::from_utf8_lossy(&output.stdout).lines().any(|record| record.starts_with("\"v=DMARC1")) {
                    return check(true, format!("{name} has a DMARC policy"), "");
                }
            }
            Ok(_) => return unknown(format!("cannot look up {name}: dig failed")),
            Err(error) => return unknown(format!("cannot look up {name}: dig: {error}")),
        }
    }
    check(false, "", format!("_dmarc.{domain} does not exist: set a TXT record, such as v=DMARC1; p=quarantine"))
}

fn secrets(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let secrets = deployed.resources("AWS::SecretsManager::Secret")?;
    let findings = secrets.iter().map(|(name, id)| {
        let secret = aws(["secretsmanager", "describe-secret", "--secret-id", id])?;
        let stages = secret["VersionIdsToStages"].as_object().into_iter().flatten().filter_map(|(_, it)| it.as_array());
        let is_current = secret["DeletedDate"].is_null() && stages.flatten().any(|stage| stage == "AWSCURRENT");
        Ok(check(
            is_current,
            format!("{name} has a current value"),
            format!("{name} has no current value, or its deletion is scheduled: aws secretsmanager restore-secret"),
        ))
    });
    findings.collect()
}

fn alarms(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let mut findings = Vec::new();
    let alarms = deployed.resources("AWS::CloudWatch::Alarm")?;
    let described =
        aws(["cloudwatch", "describe-alarms", "--alarm-names"].into_iter().chain(alarms.iter().map(|(_, id)| &**id)))?;
    let described = described["MetricAlarms"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_active = |alarm: &Value| {
        alarm["ActionsEnabled"] == true && alarm["AlarmActions"].as_array().is_some_and(|topics| !topics.is_empty())
    };
    let inactive: Vec<_> = alarms
        .iter()
        .filter(|(_, id)| !described.iter().any(|alarm| alarm["AlarmName"] == **id && is_active(alarm)))
        .map(|(name, _)| &**name)
        .collect();
    findings.push(check(
        inactive.is_empty(),
        format!("{} alarms are active", alarms.len()),
        format!("alarms that are disabled or deleted: {}: deploy again", inactive.join(", ")),
    ));
    for (_, topic) in deployed.resources("AWS::SNS::Topic")? {
        let listed = aws(["sns", "list-subscriptions-by-topic", "--topic-arn", &topic])?;
        let mut subscriptions = listed["Subscriptions"].as_array().into_iter().flatten();
        findings.push(check(
            // Otherwise it is `PendingConfirmation` or `Deleted`.
            subscriptions.any(|it| it["SubscriptionArn"].as_str().is_some_and(|arn| arn.starts_with("arn:"))),
            "the alarms have a subscriber",
            "the alarms have no subscriber: set AlarmMail, and open the confirmation link that SNS sends there",
        ));
    }
    Ok(findings)
}

fn address(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let (portal, certificate) = (deployed.parameter("PortalUrl"), deployed.parameter("CertificateArn"));
    if certificate.is_empty() {
        let own = deployed.output("SiteUrl");
        let missing = format!(
            "links in emails lead to {portal}, but without CertificateArn the site is {own}: deploy with PortalUrl or CertificateArn"
        );
        return Ok(vec![check(portal == own, format!("links in emails lead to {own}"), missing)]);
    }
    let described = aws(["acm", "describe-certificate", "--region", "us-east-1", "--certificate-arn", certificate])?;
    let (certificate, host) = (&described["Certificate"], portal.trim_start_matches("https://"));
    let names = certificate["SubjectAlternativeNames"].as_array().into_iter().flatten();
    let names: Vec<_> = names.chain([&certificate["DomainName"]]).filter_map(|name| name.as_str()).collect();
    let covers = |name: &str| {
        name == host
            || name
                .strip_prefix('*')
                .is_some_and(|rest| host.split_once('.').is_some_and(|(_, parent)| rest == format!(".{parent}")))
    };
    Ok(vec![check(
        certificate["Status"] == "ISSUED" && names.iter().any(|name| covers(name)),
        format!("the certificate covers {host}"),
        format!("the certificate is not issued, or does not cover {host} (only {})", names.join(", ")),
    )])
}

fn site(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let (bucket, functions) = (deployed.output("SiteBucketName"), deployed.output("Release"));
    let object = aws(["s3api", "head-object", "--bucket", bucket, "--key", RELEASE])?;
    let pages = object["Metadata"]["release"].as_str().unwrap_or_default();
    Ok(vec![check(
        !pages.is_empty() && pages == functions,
        format!("pages and functions are of release {functions}"),
        format!(
            "the pages are of release {pages:?}, the functions of {functions:?}: run `cargo admin site`, or deploy"
        ),
    )])
}
