//! Where a stack's tables are: the local stack says it in a file, `CloudFormation` tells it of a deployed one.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_cloudformation::error::DisplayErrorContext;
use clap::Args;
use guichet_core::aws;
use guichet_core::store::Table;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Which stack is meant.
#[derive(Args, Debug)]
pub struct Directions {
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

/// The stack cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// No local stack runs there.
    #[error("no portal is running here: {0} cannot be read ({1}). Start one with `cargo dev`, or name its --port.")]
    NotRunning(PathBuf, String),
    /// AWS did not tell.
    #[error("the resources of the stack {0} could not be listed: {1}")]
    NotListed(String, String),
    /// There is no such table.
    #[error("the stack has no table {0}")]
    NoTable(&'static str),
}

/// A stack's tables, and the client that reaches them.
pub(crate) struct Stack {
    client: aws_sdk_dynamodb::Client,
    tables: HashMap<String, String>,
}

/// What the local stack says of itself.
#[derive(Deserialize)]
struct Running {
    aws: String,
    region: String,
    tables: HashMap<String, String>,
}

impl Stack {
    pub(crate) async fn find(directions: &Directions) -> Result<Self, StackError> {
        match &directions.stack {
            Some(name) => Self::deployed(name).await,
            None => Self::running(&directions.data_folder()).await,
        }
    }

    async fn running(data: &Path) -> Result<Self, StackError> {
        let file = data.join("stack.json");
        let not_running = |problem: String| StackError::NotRunning(file.clone(), problem);
        let text = std::fs::read_to_string(&file).map_err(|error| not_running(error.to_string()))?;
        let running: Running = serde_json::from_str(&text).map_err(|error| not_running(error.to_string()))?;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(running.aws)
            .region(Region::new(running.region))
            // The name that the local stack knows the desk by; it verifies no signature.
            .credentials_provider(Credentials::new("admin", "local", None, None, "local stack"))
            .load()
            .await;
        Ok(Self::with(&config, running.tables))
    }

    async fn deployed(name: &str) -> Result<Self, StackError> {
        let config = aws::config().await;
        let pages = aws_sdk_cloudformation::Client::new(&config)
            .list_stack_resources()
            .stack_name(name)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        let resources =
            pages.map_err(|error| StackError::NotListed(name.to_owned(), DisplayErrorContext(error).to_string()))?;
        let tables = resources.into_iter().filter(|one| one.resource_type() == Some("AWS::DynamoDB::Table"));
        let names = tables.filter_map(|one| Some((one.logical_resource_id?, one.physical_resource_id?)));
        Ok(Self::with(&config, names.collect()))
    }

    fn with(config: &SdkConfig, tables: HashMap<String, String>) -> Self {
        Self { client: aws::dynamodb(config), tables }
    }

    /// A table beside the stack's own, by its name in the account.
    pub(crate) fn other_table(&self, name: &str) -> Table {
        Table::new(&self.client, name.to_owned())
    }

    /// The table with this logical name.
    pub(crate) fn table(&self, logical: &'static str) -> Result<Table, StackError> {
        let name = self.tables.get(logical).ok_or(StackError::NoTable(logical))?;
        Ok(Table::new(&self.client, name.clone()))
    }
}

impl Directions {
    /// The name of the deployed stack that is meant, if one is.
    #[must_use]
    pub fn deployed(&self) -> Option<&str> {
        self.stack.as_deref()
    }

    fn data_folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| {
            // The folder that `cargo dev` of the same clone keeps for this port.
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guichet").join(self.port.to_string())
        })
    }
}
