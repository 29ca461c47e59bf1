//! Finds a stack's tables: the local stack lists them in a file, CloudFormation lists those of a deployed one.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_cloudformation::error::DisplayErrorContext;
use clap::Args;
use guichet_deploy::stack_info::{self, StackInfo};
use guichet_platform::aws::{self, Aws};
use guichet_platform::secrets::{KeySecret, NEVER_REFRESH};
use guichet_store::Table;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args, Debug)]
pub(crate) struct StackSelector {
    /// The port of the local stack.
    #[arg(long, global = true, default_value_t = 3000)]
    port: u16,
    /// The data folder of the local stack, where it is not the usual one.
    #[arg(long, global = true, conflicts_with = "port")]
    data: Option<PathBuf>,
    /// The name of a deployed stack.
    #[arg(long, global = true, conflicts_with_all = ["port", "data"])]
    stack: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error("no local stack is running: cannot read {0} ({1}). Start one with `cargo dev`, or give its --port.")]
    NotRunning(PathBuf, std::io::Error),
    #[error(transparent)]
    NoClone(#[from] std::io::Error),
    #[error("cannot list the resources of the stack {0}: {1}")]
    NotListed(String, String),
    #[error("the stack has no {0} {1}")]
    Lacks(&'static str, &'static str),
}

/// Whose permissions to use. The local stack takes the name of the template's policy from the access key; on AWS the
/// caller's own credentials decide.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Desk,
    Import,
    Operator,
}

/// A stack's tables, secrets, and parameters by logical name.
pub(crate) struct Stack {
    pub(crate) aws: Aws,
    tables: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
    /// Whether it runs on AWS.
    pub(crate) deployed: bool,
}

impl Stack {
    pub(crate) async fn find(directions: &StackSelector, role: Role) -> Result<Self, StackError> {
        match &directions.stack {
            Some(name) => Self::deployed(name).await,
            None => Self::running(&directions.data_folder()?, role).await,
        }
    }

    async fn running(data: &Path, role: Role) -> Result<Self, StackError> {
        let file = data.join(stack_info::FILE);
        let running = StackInfo::read(&file).map_err(|error| StackError::NotRunning(file, error))?;
        let key = match role {
            Role::Desk => "DeskPolicy",
            Role::Import => "ImportPolicy",
            Role::Operator => stack_info::OPERATOR,
        };
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(aws::https_client(aws::TrustStore::default()))
            .endpoint_url(running.aws)
            .region(Region::new(running.region))
            // The local stack does not verify signatures.
            .credentials_provider(Credentials::new(key, "local", None, None, "local stack"))
            .load()
            .await;
        let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let parameters = running.parameters.into_iter().map(|(name, value)| (name, plain(value))).collect();
        let (tables, secrets) = (running.tables, running.secrets);
        Ok(Self { aws: Aws::new(config), tables, secrets, parameters, deployed: false })
    }

    async fn deployed(name: &str) -> Result<Self, StackError> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(aws::https_client(aws::TrustStore::default()))
            .retry_config(aws::retry_config())
            .timeout_config(aws::timeout_config())
            .load()
            .await;
        let cloud_formation = aws_sdk_cloudformation::Client::new(&config);
        let list_error = |error: String| StackError::NotListed(name.to_owned(), error);
        let described = cloud_formation.describe_stacks().stack_name(name).send().await;
        let described = described.map_err(|error| list_error(DisplayErrorContext(error).to_string()))?;
        let parameters =
            described.stacks.unwrap_or_default().into_iter().flat_map(|stack| stack.parameters.unwrap_or_default());
        let parameters = parameters.filter_map(|one| Some((one.parameter_key?, one.parameter_value?))).collect();
        let pages = cloud_formation.list_stack_resources().stack_name(name).into_paginator().items().send();
        let resources = pages.collect::<Result<Vec<_>, _>>().await;
        let resources = resources.map_err(|error| list_error(DisplayErrorContext(error).to_string()))?;
        let of_type = |kind: &str| {
            let of_it = resources.iter().filter(|one| one.resource_type() == Some(kind));
            let names = of_it.filter_map(|one| Some((one.logical_resource_id()?, one.physical_resource_id()?)));
            names.map(|(logical, physical)| (logical.to_owned(), physical.to_owned())).collect()
        };
        let (tables, secrets) = (of_type("AWS::DynamoDB::Table"), of_type("AWS::SecretsManager::Secret"));
        Ok(Self { aws: Aws::new(config), tables, secrets, parameters, deployed: true })
    }

    /// A table that is not part of the stack, by its physical name.
    pub(crate) fn other_table(&self, name: &str) -> Table {
        Table::new(&self.aws.dynamodb, name.to_owned())
    }

    pub(crate) fn table(&self, logical: &'static str) -> Result<Table, StackError> {
        let name = self.tables.get(logical).ok_or(StackError::Lacks("table", logical))?;
        Ok(Table::new(&self.aws.dynamodb, name.clone()))
    }

    pub(crate) fn secret(&self, logical: &'static str) -> Result<KeySecret, StackError> {
        let name = self.secrets.get(logical).ok_or(StackError::Lacks("secret", logical))?;
        Ok(KeySecret::new(&self.aws, name.clone(), NEVER_REFRESH))
    }

    pub(crate) fn parameter(&self, name: &'static str) -> Result<&str, StackError> {
        self.parameters.get(name).map(String::as_str).ok_or(StackError::Lacks("parameter", name))
    }
}

impl StackSelector {
    #[must_use]
    pub(crate) fn deployed(&self) -> Option<&str> {
        self.stack.as_deref()
    }

    fn data_folder(&self) -> std::io::Result<PathBuf> {
        self.data.clone().map_or_else(|| stack_info::data_folder(self.port), Ok)
    }
}
