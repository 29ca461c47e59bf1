//! Decides as IAM does: an explicit deny wins, else one statement must allow each request of the call.

use super::condition;
use super::dynamodb::TableKeys;
use super::policy::{Grant, PolicyStatement};
use super::request::{AccessRequest, RequestContext};
use crate::PseudoParameters;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a call is not allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    #[error("no policy for the principal {0:?}")]
    UnknownPrincipal(String),
    #[error("the request cannot be evaluated: {0}")]
    InvalidRequest(String),
    /// Displays AWS's message, which has no reason.
    #[error(
        "User: arn:aws:sts::{account_id}:assumed-role/{principal} is not authorized to perform: {action} on resource: \
         {resource} because no identity-based policy allows the {action} action"
    )]
    AccessDenied {
        account_id: String,
        principal: String,
        action: String,
        resource: String,
        /// The statements that deny it, or whose conditions it does not meet.
        reason: String,
    },
}

/// The policies of all principals.
#[derive(Debug)]
pub struct PolicyEvaluator {
    pseudo: PseudoParameters,
    policies: BTreeMap<String, Vec<PolicyStatement>>,
    table_keys: TableKeys,
}

impl PolicyEvaluator {
    /// `policies` are by principal; `tables` are bodies of `CreateTable`, for the key `dynamodb:LeadingKeys`.
    #[must_use]
    pub fn new<'a>(
        pseudo: PseudoParameters,
        policies: BTreeMap<String, Vec<PolicyStatement>>,
        tables: impl IntoIterator<Item = &'a Value>,
    ) -> Self {
        Self { table_keys: TableKeys::new(pseudo.clone(), tables), pseudo, policies }
    }

    /// Everything that any statement allows, whatever its conditions.
    pub fn grants(&self) -> impl Iterator<Item = Grant> {
        self.policies.values().flatten().filter(|statement| statement.allows).flat_map(PolicyStatement::grants)
    }

    /// Evaluates a call of DynamoDB or of DynamoDB Streams by its JSON body. Returns what allows it.
    pub fn dynamodb(&self, principal: &str, operation: &str, body: &[u8]) -> Result<Vec<Grant>, AuthorizationError> {
        self.evaluate(principal, body, |call| self.table_keys.requests(operation, call))
    }

    /// Evaluates a `GetSecretValue`.
    pub fn get_secret_value(&self, principal: &str, body: &[u8]) -> Result<Vec<Grant>, AuthorizationError> {
        self.evaluate(principal, body, |call| {
            let id = call["SecretId"].as_str().ok_or("it has no SecretId")?;
            let arn = || self.pseudo.arn("secretsmanager", &format!("secret:{id}"));
            let resource = if id.starts_with("arn:") { id.to_owned() } else { arn() };
            let action = "secretsmanager:GetSecretValue".into();
            Ok(vec![AccessRequest { action, resource, context: RequestContext::new() }])
        })
    }

    /// Evaluates a `SendEmail` of SES v2. It needs the identity, which is the domain of the sender's address, and the
    /// configuration set.
    pub fn send_email(&self, principal: &str, body: &[u8]) -> Result<Vec<Grant>, AuthorizationError> {
        self.evaluate(principal, body, |call| {
            let from = mailbox_address(call["FromEmailAddress"].as_str().unwrap_or_default());
            let (_, domain) = from.split_once('@').ok_or("it has no FromEmailAddress")?;
            let kinds = ["ToAddresses", "CcAddresses", "BccAddresses"].into_iter();
            let recipients = kinds.filter_map(|kind| call["Destination"][kind].as_array()).flatten();
            let recipients = recipients.filter_map(Value::as_str).map(|to| mailbox_address(to).to_owned()).collect();
            let context: RequestContext =
                [("ses:FromAddress", vec![from.to_owned()]), ("ses:Recipients", recipients)].into();
            let set = call["ConfigurationSetName"].as_str().map(|name| format!("configuration-set/{name}"));
            let resources = [Some(format!("identity/{domain}")), set].into_iter().flatten();
            let request = |name: String| AccessRequest {
                action: "ses:SendEmail".into(),
                resource: self.pseudo.arn("ses", &name),
                context: context.clone(),
            };
            Ok(resources.map(request).collect())
        })
    }

    fn evaluate(
        &self,
        principal: &str,
        body: &[u8],
        requests: impl FnOnce(&Value) -> Result<Vec<AccessRequest>, String>,
    ) -> Result<Vec<Grant>, AuthorizationError> {
        let unknown = || AuthorizationError::UnknownPrincipal(principal.to_owned());
        let policy = self.policies.get(principal).ok_or_else(unknown)?;
        let call =
            serde_json::from_slice(body).map_err(|error| AuthorizationError::InvalidRequest(error.to_string()))?;
        let requests = requests(&call).map_err(AuthorizationError::InvalidRequest)?;
        if requests.is_empty() {
            return Err(AuthorizationError::InvalidRequest("it requests nothing".to_owned()));
        }
        let decide = |request: AccessRequest| {
            decide(policy, &request).map_err(|reason| AuthorizationError::AccessDenied {
                account_id: self.pseudo.account_id.clone(),
                principal: principal.to_owned(),
                action: request.action,
                resource: request.resource,
                reason,
            })
        };
        requests.into_iter().map(decide).collect()
    }
}

/// What allows the request, or why nothing does.
fn decide(policy: &[PolicyStatement], request: &AccessRequest) -> Result<Grant, String> {
    let (mut allowed, mut unmet) = (None, Vec::new());
    for statement in policy {
        let covers = |grant: &Grant| grant.covers(&request.action, &request.resource);
        let Some(grant) = statement.grants().find(covers) else { continue };
        match condition::first_unmet(&statement.conditions, &request.context) {
            None if !statement.allows => return Err(format!("{} denies it", statement.place)),
            None => allowed = allowed.or(Some(grant)),
            Some(why) if statement.allows => unmet.push(format!("{} requires {why}", statement.place)),
            Some(_) => {}
        }
    }
    let nothing = || if unmet.is_empty() { "no statement allows it".to_owned() } else { unmet.join("; ") };
    allowed.ok_or_else(nothing)
}

/// The address of `Name <address>`, or of an address alone.
#[must_use]
pub fn mailbox_address(mailbox: &str) -> &str {
    mailbox.rsplit_once('<').map_or(mailbox, |(_, rest)| rest.trim_end_matches('>'))
}

#[cfg(test)]
mod tests;
