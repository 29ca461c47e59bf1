//! `infra/template.yaml`, with the parameter values of one machine.

use anyhow::{Context, anyhow, bail};
use guichet_cfn::template::{ParameterOverrides, StackDefinition};
use guichet_cfn::{PseudoParameters, Template};
use serde_json::Value;
use std::path::Path;

pub const REGION: &str = "ca-central-1";
pub const ACCOUNT: &str = "000000000000";

/// Types whose absence needs no message: the local stack reads what it needs of them elsewhere.
const SILENT: [&str; 7] = [
    "AWS::Serverless::HttpApi",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::Function",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::Logs::LogGroup",
];

pub struct PortalDefinition {
    pub stack: StackDefinition,
    /// Of the pages and files.
    pub page_headers: Vec<(String, String)>,
    /// Of everything under `/api/`.
    pub api_headers: Vec<(String, String)>,
    /// The JSON of `/settings.json`.
    pub site_settings: String,
    /// The only sender that SES accepts.
    pub mail_from: String,
}

/// Reads the template. A parameter has the value in `set`, or else that in the template's metadata `LocalParameters`,
/// or else its default.
pub fn read(file: &Path, stack_name: &str, port: u16, set: &ParameterOverrides) -> anyhow::Result<PortalDefinition> {
    resolve(&Template::read(file)?, stack_name, port, set)
}

fn resolve(
    template: &Template,
    stack_name: &str,
    port: u16,
    set: &ParameterOverrides,
) -> anyhow::Result<PortalDefinition> {
    let local = template.json()["Metadata"]["Guichet"]["LocalParameters"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut overrides: ParameterOverrides =
        local.map(|(name, value)| (name.clone(), text(value).replace("{port}", &port.to_string()))).collect();
    overrides.extend(set.clone());
    let pseudo_parameters = PseudoParameters {
        stack_name: stack_name.to_owned(),
        region: REGION.to_owned(),
        account_id: ACCOUNT.to_owned(),
    };
    let stack = template.resolve(pseudo_parameters, &overrides).context("cannot resolve the template")?;
    let (mut page_headers, mut api_headers) = (Vec::new(), Vec::new());
    for (id, headers) in &stack.response_headers {
        match id.as_str() {
            "PageHeaders" => page_headers.clone_from(headers),
            "ApiHeaders" => api_headers.clone_from(headers),
            other => bail!("the response headers policy {other} is not supported"),
        }
    }
    let site_settings = stack.output("SiteSettings").context("cannot resolve the template")?;
    serde_json::from_str::<Value>(&site_settings).context("the output SiteSettings is not JSON")?;
    let mail_from = stack.parameters().get("MailFrom").and_then(Value::as_str);
    Ok(PortalDefinition {
        page_headers,
        api_headers,
        site_settings,
        mail_from: mail_from.ok_or_else(|| anyhow!("the template has no parameter MailFrom"))?.to_owned(),
        stack,
    })
}

impl PortalDefinition {
    pub fn print_not_emulated(&self) {
        for (kind, ids) in self.stack.unread.iter().filter(|(kind, _)| !SILENT.contains(&kind.as_str())) {
            console!("not emulated: {kind} ({})", ids.join(", "));
        }
    }
}

#[cfg(test)]
mod tests;
