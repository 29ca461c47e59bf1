//! What the local stack emulates of the template's resources, and the names of the rest.

use super::evaluate::{Scope, wrong};
use super::function::{self, BusRule, Function, HttpRoute, Schedule, Stream};
use super::policy::{self, Statement};
use super::secret::{self, Secret};
use super::table::{self, Table};
use super::{headers, parameters::plain};
use crate::failure::{Failure, OrFail};
use serde_json::Value;
use std::collections::BTreeMap;

/// The described system, as far as the local stack plays it.
#[derive(Debug, Default)]
pub struct System {
    /// The Lambda functions.
    pub functions: Vec<Function>,
    /// What people and jobs may do, by the logical ids of the managed policies.
    pub policies: Vec<(String, Vec<Statement>)>,
    /// The HTTP API's routes.
    pub routes: Vec<HttpRoute>,
    /// The tables' streams that functions listen to.
    pub streams: Vec<Stream>,
    /// What is called with events of the bus.
    pub bus_rules: Vec<BusRule>,
    /// What is called by the clock.
    pub schedules: Vec<Schedule>,
    /// The DynamoDB tables.
    pub tables: Vec<Table>,
    /// The secrets of Secrets Manager.
    pub secrets: Vec<Secret>,
    /// Names of the SES configuration sets.
    pub configuration_sets: Vec<String>,
    /// Headers of every page and file.
    pub page_headers: Vec<(String, String)>,
    /// Headers of everything below `/api/`.
    pub api_headers: Vec<(String, String)>,
    /// What `/settings.json` answers.
    pub site_settings: String,
    /// The one address that mails come from.
    pub mail_from: String,
    /// The value of each parameter.
    pub parameters: BTreeMap<String, Value>,
    /// What the template describes and the local stack does not play: the names of each type.
    pub not_emulated: BTreeMap<String, Vec<String>>,
}

impl System {
    pub(super) fn name_not_emulated(&mut self, kind: &str, name: String) {
        self.not_emulated.entry(kind.to_owned()).or_default().push(name);
    }
}

/// Walks the template's resources and outputs.
pub fn collect(template: &Value, scope: &Scope) -> Result<System, Failure> {
    let mut system = System { parameters: scope.parameters.clone(), ..System::default() };
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        let at = format!("Resources.{id}");
        if let Some(condition) = resource["Condition"].as_str()
            && !scope.holds(condition, &at)?
        {
            continue;
        }
        let kind = resource["Type"].as_str().unwrap_or_default();
        let at = format!("{at}.Properties");
        match kind {
            "AWS::DynamoDB::Table" => {
                let properties = scope.evaluate(&resource["Properties"], &at)?;
                system.tables.push(table::describe(id, &scope.physical_name(id), &properties, &at)?);
            }
            "AWS::SecretsManager::Secret" => {
                let properties = scope.evaluate(&resource["Properties"], &at)?;
                system.secrets.push(secret::describe(id, scope, &properties, &at)?);
            }
            "AWS::IAM::ManagedPolicy" => {
                let document = &resource["Properties"]["PolicyDocument"];
                let at = format!("{at}.PolicyDocument");
                system.policies.push((id.clone(), policy::describe(document, scope, &at)?));
            }
            "AWS::Serverless::Function" => {
                let globals = &template["Globals"]["Function"];
                function::collect(id, globals, &resource["Properties"], scope, &mut system)?;
            }
            "AWS::CloudFront::ResponseHeadersPolicy" => {
                let config = scope.evaluate(&resource["Properties"]["ResponseHeadersPolicyConfig"], &at)?;
                let list = headers::list(&config, &at)?;
                match id.as_str() {
                    "PageHeaders" => system.page_headers = list,
                    "ApiHeaders" => system.api_headers = list,
                    _ => return Err(wrong(&at, "it is not known here what this policy is for")),
                }
            }
            "AWS::SES::ConfigurationSet" => system.configuration_sets.push(scope.physical_name(id)),
            "AWS::Serverless::HttpApi" if resource["Properties"]["Auth"].get("DefaultAuthorizer").is_some() => {
                return Err(wrong(&at, "a DefaultAuthorizer is not played here"));
            }
            // All that an HTTP API needs here stands with the functions' events; the site, its edge and the logs are the
            // same for every template.
            "AWS::Serverless::HttpApi"
            | "AWS::CloudFront::Distribution"
            | "AWS::CloudFront::Function"
            | "AWS::CloudFront::OriginAccessControl"
            | "AWS::S3::Bucket"
            | "AWS::S3::BucketPolicy"
            | "AWS::Logs::LogGroup" => {}
            other => system.name_not_emulated(other, id.clone()),
        }
    }
    let at = "Outputs.SiteSettings.Value";
    system.site_settings = scope.text(&template["Outputs"]["SiteSettings"]["Value"], at)?;
    serde_json::from_str::<Value>(&system.site_settings)
        .or_fail(|| format!("the template at {at} does not give JSON"))?;
    system.mail_from = scope
        .parameters
        .get("MailFrom")
        .and_then(plain)
        .ok_or_else(|| wrong("Parameters", "there is no MailFrom, the address that mails come from"))?;
    Ok(system)
}
