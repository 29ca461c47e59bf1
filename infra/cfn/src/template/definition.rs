//! What is read of a template.

use super::intrinsics::Scope;
use crate::TemplateError;
use crate::iam::{PolicyEvaluator, PolicyStatement};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A stack: the template with values for all parameters. Resources refer to a function by its [`Function::name`].
#[derive(Debug)]
pub struct StackDefinition {
    pub functions: Vec<Function>,
    /// Statements of each `AWS::IAM::ManagedPolicy`, by logical id.
    pub managed_policies: BTreeMap<String, Vec<PolicyStatement>>,
    pub routes: Vec<HttpRoute>,
    pub event_source_mappings: Vec<EventSourceMapping>,
    pub event_rules: Vec<EventRule>,
    pub schedules: Vec<Schedule>,
    pub tables: Vec<TableDefinition>,
    pub secrets: Vec<SecretDefinition>,
    /// Physical names of the SES configuration sets.
    pub configuration_sets: Vec<String>,
    /// Name (lower case) and value of each header of a CloudFront response headers policy, by logical id.
    pub response_headers: BTreeMap<String, Vec<(String, String)>>,
    /// Logical ids of the resources and function events that are not read, by type.
    pub unread: BTreeMap<String, Vec<String>>,
    pub(super) scope: Scope,
    pub(super) outputs: Value,
}

impl StackDefinition {
    pub(super) fn new(scope: Scope, outputs: Value) -> Self {
        Self {
            functions: Vec::new(),
            managed_policies: BTreeMap::new(),
            routes: Vec::new(),
            event_source_mappings: Vec::new(),
            event_rules: Vec::new(),
            schedules: Vec::new(),
            tables: Vec::new(),
            secrets: Vec::new(),
            configuration_sets: Vec::new(),
            response_headers: BTreeMap::new(),
            unread: BTreeMap::new(),
            scope,
            outputs,
        }
    }

    pub(super) fn add_unread(&mut self, kind: &str, name: String) {
        self.unread.entry(kind.to_owned()).or_default().push(name);
    }

    /// The value of each parameter: a string, or a list of strings for `CommaDelimitedList`.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<String, Value> {
        &self.scope.parameters
    }

    /// Evaluates one output.
    pub fn output(&self, name: &str) -> Result<String, TemplateError> {
        self.scope.text(&self.outputs[name]["Value"], &format!("Outputs.{name}.Value"))
    }

    /// An evaluator of the functions' policies and the managed policies; the principals are their logical ids.
    #[must_use]
    pub fn policy_evaluator(&self) -> PolicyEvaluator {
        let functions = self.functions.iter().map(|function| (function.logical_id.clone(), function.policy.clone()));
        let policies = functions.chain(self.managed_policies.clone()).collect();
        PolicyEvaluator::new(self.scope.pseudo.clone(), policies, self.tables.iter().map(|table| &table.create_table))
    }
}

/// An `AWS::Serverless::Function`.
#[derive(Clone, Debug)]
pub struct Function {
    pub logical_id: String,
    /// The last folder of `CodeUri`.
    pub name: String,
    pub timeout: Duration,
    /// In MB.
    pub memory: u64,
    /// `JSON` or `Text`.
    pub log_format: String,
    pub variables: BTreeMap<String, String>,
    pub policy: Vec<PolicyStatement>,
}

/// A function's `HttpApi` event.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    /// Upper case.
    pub method: String,
    /// With `{name}` for a parameter.
    pub path: String,
    pub function: String,
}

/// A function's DynamoDB event.
#[derive(Clone, Debug)]
pub struct EventSourceMapping {
    pub function: String,
    /// Physical name.
    pub table: String,
    /// Most records in one invocation.
    pub batch_size: usize,
    /// `None`: until the records expire.
    pub max_retries: Option<u64>,
    /// Records that reach this age are dropped.
    pub max_record_age: Option<Duration>,
    /// `eventName` of the records that pass the filter; `None` for all.
    pub event_names: Option<Vec<String>>,
}

/// A function's `Schedule` event.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub function: String,
    pub rule: String,
    pub interval: Duration,
}

/// A function's `EventBridgeRule` event.
#[derive(Clone, Debug)]
pub struct EventRule {
    pub function: String,
    pub pattern: Value,
}

/// An `AWS::DynamoDB::Table`.
#[derive(Clone, Debug)]
pub struct TableDefinition {
    pub logical_id: String,
    /// Physical name.
    pub name: String,
    /// The body of a `CreateTable` call.
    pub create_table: Value,
    /// The attribute with the time to live.
    pub time_to_live: Option<String>,
}

/// An `AWS::SecretsManager::Secret`.
#[derive(Clone, Debug)]
pub struct SecretDefinition {
    pub logical_id: String,
    /// Physical name.
    pub name: String,
    pub arn: String,
    pub generator: SecretGenerator,
}

/// `GenerateSecretString`. Other properties are an error.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SecretGenerator {
    /// A JSON object to which the generated text is added.
    pub secret_string_template: String,
    #[serde(rename = "GenerateStringKey")]
    pub key: String,
    /// In characters.
    #[serde(default = "default_password_length")]
    pub password_length: usize,
    #[serde(default)]
    pub exclude_punctuation: bool,
}

/// The default of Secrets Manager.
const fn default_password_length() -> usize {
    32
}
