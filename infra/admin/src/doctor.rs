//! Looks at a deployed stack and its account, with calls that change nothing, and says what is missing.

use crate::aws_cli::{AwsError, Deployed, aws};
use crate::site::RELEASE;
use serde::Serialize;
use std::fmt;
use std::process::Command;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Missing,
    /// It could not be told.
    Unknown,
}

/// What was found of one thing.
#[derive(Debug, Serialize)]
pub struct Finding {
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
pub fn doctor(stack: &str) -> Result<Vec<Finding>, AwsError> {
    let deployed = Deployed::describe(stack)?;
    let parts = [ses, identity, secrets, alarms, address, site].map(|part| {
        part(&deployed).unwrap_or_else(|error| vec![Finding { state: State::Unknown, says: error.to_string() }])
    });
    Ok(parts.into_iter().flatten().chain([dmarc(&deployed)]).collect())
}

fn domain(deployed: &Deployed) -> &str {
    deployed.parameter("MailFrom").split('@').nth(1).unwrap_or_default()
}

fn ses(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let account = aws(["sesv2", "get-account"])?;
    let quota = account["SendQuota"]["Max24HourSend"].as_f64().unwrap_or_default();
    let brake: f64 = deployed.parameter("MailBrakePerHour").parse().unwrap_or_default();
    Ok(vec![
        held(
            account["ProductionAccessEnabled"] == true,
            "SES is out of the sandbox",
            "SES is in the sandbox and mails verified addresses alone: aws sesv2 put-account-details --production-access-enabled …",
        ),
        held(account["SendingEnabled"] == true, "SES sends", "SES has stopped this account's sending: see its console"),
        held(
            quota >= brake,
            format!("SES takes {quota} mails a day, and an hour's brake is {brake}"),
            format!("SES takes {quota} mails a day, and MailBrakePerHour is {brake}: ask SES for more, or lower it"),
        ),
    ])
}

fn identity(deployed: &Deployed) -> Result<Vec<Finding>, AwsError> {
    let domain = domain(deployed);
    let identity = aws(["sesv2", "get-email-identity", "--email-identity", domain])?;
    Ok(vec![
        held(
            identity["VerifiedForSendingStatus"] == true,
            format!("{domain} is verified"),
            format!("{domain} is not verified: set the CNAMEs of the outputs DkimRecord1 to 3"),
        ),
        held(
            identity["DkimAttributes"]["Status"] == "SUCCESS",
            format!("mails of {domain} are signed (DKIM)"),
            format!("mails of {domain} are not signed (DKIM): set the CNAMEs of the outputs DkimRecord1 to 3"),
        ),
    ])
}

/// By `dig`, since no call of AWS tells it.
fn dmarc(deployed: &Deployed) -> Finding {
    let name = format!("_dmarc.{}", domain(deployed));
    match Command::new("dig").args(["+short", "TXT", &name]).output() {
        Ok(told) if told.status.success() => held(
            String::from_utf8_lossy(&told.stdout).contains("v=DMARC1"),
            format!("{name} says what becomes of forged mails"),
            format!("{name} is not there: set a TXT record, such as v=DMARC1; p=quarantine"),
        ),
        _ => Finding { state: State::Unknown, says: format!("{name} could not be looked up: dig is not there") },
    }
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
    for (_, topic) in deployed.resources("AWS::SNS::Topic")? {
        let listed = aws(["sns", "list-subscriptions-by-topic", "--topic-arn", &topic])?;
        let mut listeners = listed["Subscriptions"].as_array().into_iter().flatten();
        findings.push(held(
            listeners.any(|it| it["SubscriptionArn"] != "PendingConfirmation"),
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
