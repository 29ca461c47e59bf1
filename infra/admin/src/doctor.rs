//! Looks at a deployed stack and its account, with calls that change nothing, and says what is missing.

use crate::aws_cli::{AwsError, Deployed, aws};
use crate::site::RELEASE;
use guichet_platform::log::error_chain;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::process::Command;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Missing,
    /// It could not be told.
    Unknown,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// How it stands.
    pub state: State,
    /// With what, and what to do about it.
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

fn held(holds: bool, ok: impl Into<String>, missing: impl Into<String>) -> Finding {
    if holds {
        Finding { state: State::Ok, says: ok.into() }
    } else {
        Finding { state: State::Missing, says: missing.into() }
    }
}

/// Everything that a portal needs and that a deployment alone does not give it. An error only where the stack is not there;
/// what one call does not tell is unknown, and the others go on.
pub(crate) fn doctor(stack: &str) -> Result<Vec<Finding>, AwsError> {
    let deployed = Deployed::describe(stack)?;
    let parts = [ses, identity, secrets, alarms, address, site].map(|part| {
        part(&deployed).unwrap_or_else(|error| vec![Finding { state: State::Unknown, says: error_chain(&error) }])
    });
    Ok(parts.into_iter().flatten().chain([dmarc(&deployed)]).collect())
}

fn domain(deployed: &Deployed) -> &str {
    deployed.parameter("MailFrom").split('@').nth(1).unwrap_or_default()
}

fn ses(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let account = aws(["sesv2", "get-account"])?;
    let quota = |of: &str| account["SendQuota"][of].as_f64().unwrap_or_default();
    let (day, second) = (quota("Max24HourSend"), quota("MaxSendRate"));
    let brake: f64 = deployed.parameter("EmailsPerHour").parse().unwrap_or_default();
    // A day's quota of -1 is none.
    let enough = (day < 0.0 || day >= brake) && second * 3600.0 >= brake;
    Ok(vec![
        held(
            account["ProductionAccessEnabled"] == true,
            "SES is out of the sandbox",
            "SES is in the sandbox and mails verified addresses alone: aws sesv2 put-account-details --production-access-enabled …",
        ),
        held(account["SendingEnabled"] == true, "SES sends", "SES has stopped this account's sending: see its console"),
        held(
            enough,
            format!("SES takes {day} mails a day, {second} a second; an hour's brake is {brake}"),
            format!(
                "SES takes {day} mails a day, {second} a second, and EmailsPerHour is {brake}: ask SES for more, or lower it"
            ),
        ),
    ])
}

fn identity(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let domain = domain(deployed);
    let identity = match aws(["sesv2", "get-email-identity", "--email-identity", domain]) {
        Err(AwsError::Failed { message, .. }) if message.contains("NotFoundException") => {
            return Ok(vec![held(
                false,
                "",
                format!("SES has no {domain}: deploy with MailIdentity=create, or make it"),
            )]);
        }
        told => told?,
    };
    let dkim = &identity["DkimAttributes"];
    Ok(vec![
        held(
            identity["VerifiedForSendingStatus"] == true,
            format!("{domain} is verified"),
            format!("{domain} is not verified: set the CNAMEs of the outputs DkimRecord1 to 3"),
        ),
        held(
            dkim["SigningEnabled"] == true && dkim["Status"] == "SUCCESS",
            format!("mails of {domain} are signed (DKIM)"),
            format!(
                "mails of {domain} are not signed (DKIM): enable it, and set the CNAMEs of the outputs DkimRecord1 to 3"
            ),
        ),
    ])
}

/// By `dig`, since no call of AWS tells it. The record of a domain above counts as well (RFC 7489, 6.6.3).
fn dmarc(deployed: &Deployed) -> Finding {
    let domain = domain(deployed);
    let above = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]).filter(|name| name.contains('.'));
    for name in [domain].into_iter().chain(above).map(|name| format!("_dmarc.{name}")) {
        match Command::new("dig").args(["+short", "TXT", &name]).output() {
            Ok(told) if told.status.success() => {
                if String::from_utf8_lossy(&told.stdout).lines().any(|record| record.starts_with("\"v=DMARC1")) {
                    return held(true, format!("{name} says what becomes of forged mails"), "");
                }
            }
            Ok(_) => {
                return Finding { state: State::Unknown, says: format!("{name} could not be looked up: dig failed") };
            }
            Err(error) => {
                return Finding { state: State::Unknown, says: format!("{name} could not be looked up: dig: {error}") };
            }
        }
    }
    held(false, "", format!("_dmarc.{domain} is not there: set a TXT record, such as v=DMARC1; p=quarantine"))
}

fn secrets(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let secrets = deployed.resources("AWS::SecretsManager::Secret")?;
    let looked_at = secrets.iter().map(|(name, id)| {
        let secret = aws(["secretsmanager", "describe-secret", "--secret-id", id])?;
        let stages = secret["VersionIdsToStages"].as_object().into_iter().flatten().filter_map(|(_, it)| it.as_array());
        let present = secret["DeletedDate"].is_null() && stages.flatten().any(|stage| stage == "AWSCURRENT");
        Ok(held(
            present,
            format!("{name} is there"),
            format!("{name} has no present value, or is being deleted: aws secretsmanager restore-secret"),
        ))
    });
    looked_at.collect()
}

fn alarms(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let mut findings = Vec::new();
    let alarms = deployed.resources("AWS::CloudWatch::Alarm")?;
    let told =
        aws(["cloudwatch", "describe-alarms", "--alarm-names"].into_iter().chain(alarms.iter().map(|(_, id)| &**id)))?;
    let told = told["MetricAlarms"].as_array().map(Vec::as_slice).unwrap_or_default();
    let speaks = |alarm: &Value| {
        alarm["ActionsEnabled"] == true && alarm["AlarmActions"].as_array().is_some_and(|topics| !topics.is_empty())
    };
    let mute: Vec<_> = alarms
        .iter()
        .filter(|(_, id)| !told.iter().any(|alarm| alarm["AlarmName"] == **id && speaks(alarm)))
        .map(|(name, _)| &**name)
        .collect();
    findings.push(held(
        mute.is_empty(),
        format!("{} alarms speak", alarms.len()),
        format!("alarms that are off, or gone: {}: deploy again", mute.join(", ")),
    ));
    for (_, topic) in deployed.resources("AWS::SNS::Topic")? {
        let listed = aws(["sns", "list-subscriptions-by-topic", "--topic-arn", &topic])?;
        let mut listeners = listed["Subscriptions"].as_array().into_iter().flatten();
        findings.push(held(
            // Before it is confirmed, and once it has ended, its ARN is a word.
            listeners.any(|it| it["SubscriptionArn"].as_str().is_some_and(|arn| arn.starts_with("arn:"))),
            "somebody gets the alarms",
            "nobody gets the alarms: set AlarmMail, and open the link that SNS mailed there",
        ));
    }
    Ok(findings)
}

fn address(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let (portal, certificate) = (deployed.parameter("PortalUrl"), deployed.parameter("CertificateArn"));
    if certificate.is_empty() {
        let own = deployed.output("SiteUrl");
        let missing =
            format!("mails lead to {portal}, and without CertificateArn the site is {own}: deploy with one of them");
        return Ok(vec![held(portal == own, format!("mails lead to {own}"), missing)]);
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
    Ok(vec![held(
        certificate["Status"] == "ISSUED" && names.iter().any(|name| covers(name)),
        format!("the certificate is for {host}"),
        format!("the certificate is not issued, or not for {host} but for {}", names.join(", ")),
    )])
}

fn site(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let (bucket, functions) = (deployed.output("SiteBucketName"), deployed.output("Release"));
    let told = aws(["s3api", "head-object", "--bucket", bucket, "--key", RELEASE])?;
    let pages = told["Metadata"]["release"].as_str().unwrap_or_default();
    Ok(vec![held(
        !pages.is_empty() && pages == functions,
        format!("pages and functions are of {functions}"),
        format!("the pages are of {pages:?}, the functions of {functions:?}: cargo admin site, or deploy"),
    )])
}
