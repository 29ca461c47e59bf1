//! The resources that a stack on one machine needs.

use super::definition::{SecretDefinition, SecretGenerator, StackDefinition, TableDefinition};
use super::intrinsics::Scope;
use super::{function, headers};
use crate::TemplateError;
use crate::iam::policy;
use serde_json::{Map, Value, json};

pub fn collect(template: &Value, scope: &Scope) -> Result<StackDefinition, TemplateError> {
    let mut stack = StackDefinition::new(scope.clone(), template["Outputs"].clone());
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        let at = format!("Resources.{id}");
        if let Some(condition) = resource["Condition"].as_str()
            && !scope.condition(condition, &at)?
        {
            continue;
        }
        let at = format!("{at}.Properties");
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::DynamoDB::Table" => {
                let properties = scope.evaluate(&resource["Properties"], &at)?;
                stack.tables.push(table(id, scope.physical_name(id), &properties, &at)?);
            }
            "AWS::SecretsManager::Secret" => {
                let properties = scope.evaluate(&resource["Properties"], &at)?;
                stack.secrets.push(secret(id, scope, &properties, &at)?);
            }
            "AWS::IAM::ManagedPolicy" => {
                let at = format!("{at}.PolicyDocument");
                let document = scope.evaluate(&resource["Properties"]["PolicyDocument"], &at)?;
                stack.managed_policies.insert(id.clone(), policy::parse(&document, &at)?);
            }
            function::TYPE => {
                let globals = &template["Globals"]["Function"];
                function::collect(id, globals, &resource["Properties"], scope, &mut stack)?;
            }
            "AWS::CloudFront::ResponseHeadersPolicy" => {
                let config = scope.evaluate(&resource["Properties"]["ResponseHeadersPolicyConfig"], &at)?;
                stack.response_headers.insert(id.clone(), headers::read(&config, &at)?);
            }
            "AWS::SES::ConfigurationSet" => stack.configuration_sets.push(scope.physical_name(id)),
            // Ignoring it would leave the routes open.
            "AWS::Serverless::HttpApi" if resource["Properties"]["Auth"].get("DefaultAuthorizer").is_some() => {
                return Err(TemplateError::at(&at, "a DefaultAuthorizer is not supported"));
            }
            other => stack.add_unread(other, id.clone()),
        }
    }
    Ok(stack)
}

/// Encryption, recovery, and deletion protection have no counterpart in `CreateTable`.
fn table(id: &str, name: String, properties: &Value, at: &str) -> Result<TableDefinition, TemplateError> {
    let mut create_table = json!({"TableName": name});
    for key in ["AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        if let Some(value) = properties.get(key) {
            create_table[key] = value.clone();
        }
    }
    if let Some(view) = properties["StreamSpecification"].get("StreamViewType") {
        create_table["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
    }
    let ttl = &properties["TimeToLiveSpecification"];
    let time_to_live = match (ttl["Enabled"].as_bool(), ttl["AttributeName"].as_str()) {
        (Some(true), Some(attribute)) => Some(attribute.to_owned()),
        (None | Some(false), _) => None,
        _ => return Err(TemplateError::at(at, "TimeToLiveSpecification has no AttributeName")),
    };
    Ok(TableDefinition { logical_id: id.to_owned(), name, create_table, time_to_live })
}

fn secret(id: &str, scope: &Scope, properties: &Value, at: &str) -> Result<SecretDefinition, TemplateError> {
    let at = format!("{at}.GenerateSecretString");
    let generator = serde_json::from_value(properties["GenerateSecretString"].clone());
    let generator: SecretGenerator = generator.map_err(|error| TemplateError::at(&at, error.to_string()))?;
    if serde_json::from_str::<Map<String, Value>>(&generator.secret_string_template).is_err() {
        return Err(TemplateError::at(&at, "SecretStringTemplate must be a JSON object"));
    }
    let (name, arn) = (scope.physical_name(id), scope.secret_arn(id));
    Ok(SecretDefinition { logical_id: id.to_owned(), name, arn, generator })
}
