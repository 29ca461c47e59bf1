//! Who may do what: each call of a function in AWS is judged by the template's own policy for that function, as IAM would
//! judge it. What is not allowed here is not allowed there, so a missing permission shows on the developer's machine.

mod condition;
mod dynamodb;
mod expression;

use crate::data::Data;
use crate::failure::{Failure, OrFail};
use crate::running::OPERATOR;
use crate::template::{ACCOUNT, Statement, System, arn};
use dynamodb::PartitionKeys;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// What is granted and what was used of it, a line each.
const LOG: &str = "permissions.log";

/// What the statements' conditions can ask of a call.
type Context = BTreeMap<&'static str, Vec<String>>;

/// One action on one resource.
pub struct Asked {
    action: String,
    resource: String,
    context: Context,
}

/// Why a call goes no further.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody has this access key.
    UnknownKey,
    /// It cannot be told what it asks for.
    Unclear(String),
    /// It is not allowed; in AWS's own words.
    Denied(String),
}

/// The policies of all functions, and those that the template has for people.
pub struct Permissions {
    policies: BTreeMap<String, Vec<Statement>>,
    partition_keys: PartitionKeys,
    used: Mutex<(File, BTreeSet<String>)>,
}

impl Permissions {
    /// Takes the policies, and begins the log of what is used of them with what there is.
    pub fn open(system: &System, data: &Data) -> Result<Self, Failure> {
        let functions = system.functions.iter().map(|one| (one.logical_id.clone(), one.policy.clone()));
        let policies: BTreeMap<_, _> = functions.chain(system.policies.iter().cloned()).collect();
        let path = data.file(LOG);
        let mut log = File::create(&path).or_fail(|| format!("{} cannot be written", path.display()))?;
        for statement in policies.values().flatten().filter(|statement| statement.allows) {
            for (action, resource) in statement.grants() {
                writeln!(log, "granted {}", grant(statement, action, resource))
                    .or_fail(|| format!("{} cannot be written", path.display()))?;
            }
        }
        let partition_keys = PartitionKeys::of(&system.tables);
        Ok(Self { policies, partition_keys, used: Mutex::new((log, BTreeSet::new())) })
    }

    /// Judges a call of DynamoDB or of its streams.
    pub fn dynamodb(&self, caller: &str, operation: &str, body: &[u8]) -> Result<(), Refusal> {
        self.judge(caller, body, |call| self.partition_keys.asked(operation, call))
    }

    /// Judges a `GetSecretValue`.
    pub fn secret(&self, caller: &str, body: &[u8]) -> Result<(), Refusal> {
        self.judge(caller, body, |call| {
            let id = call["SecretId"].as_str().ok_or("it names no secret")?;
            let named = || arn("secretsmanager", &format!("secret:{id}"));
            let resource = if id.starts_with("arn:") { id.to_owned() } else { named() };
            Ok(vec![Asked { action: "secretsmanager:GetSecretValue".into(), resource, context: Context::new() }])
        })
    }

    /// Judges a `SendEmail`: on the identity, the domain of the sender's address, and on the configuration set.
    pub fn mail(&self, caller: &str, body: &[u8]) -> Result<(), Refusal> {
        self.judge(caller, body, |call| {
            let from = address(call["FromEmailAddress"].as_str().unwrap_or_default());
            let (_, domain) = from.split_once('@').ok_or("it has no sender")?;
            let kinds = ["ToAddresses", "CcAddresses", "BccAddresses"].into_iter();
            let recipients = kinds.filter_map(|kind| call["Destination"][kind].as_array()).flatten();
            let recipients = recipients.filter_map(Value::as_str).map(|to| address(to).to_owned()).collect();
            let context: Context = [("ses:FromAddress", vec![from.to_owned()]), ("ses:Recipients", recipients)].into();
            let set = call["ConfigurationSetName"].as_str().map(|name| format!("configuration-set/{name}"));
            let resources = [Some(format!("identity/{domain}")), set].into_iter().flatten();
            let ask = |name: String| Asked {
                action: "ses:SendEmail".into(),
                resource: arn("ses", &name),
                context: context.clone(),
            };
            Ok(resources.map(ask).collect())
        })
    }

    fn judge(
        &self,
        caller: &str,
        body: &[u8],
        asked: impl FnOnce(&Value) -> Result<Vec<Asked>, String>,
    ) -> Result<(), Refusal> {
        if caller == OPERATOR {
            return Ok(());
        }
        let Some(policy) = self.policies.get(caller) else {
            eprintln!("permission: no function has the key {caller:?}");
            return Err(Refusal::UnknownKey);
        };
        let call = serde_json::from_slice(body).map_err(|error| Refusal::Unclear(error.to_string()))?;
        let asked = asked(&call).map_err(Refusal::Unclear)?;
        if asked.is_empty() {
            return Err(Refusal::Unclear("it asks for nothing".to_owned()));
        }
        let grants = asked.iter().map(|one| granted(policy, one).map_err(|why| denied(caller, one, &why)));
        for grant in grants.collect::<Result<Vec<_>, _>>()? {
            self.note(grant);
        }
        Ok(())
    }

    fn note(&self, grant: String) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (log, known) = &mut *used;
        if !known.contains(&grant) {
            // A full disk shows itself in the database first.
            let _ = writeln!(log, "used {grant}");
            known.insert(grant);
        }
    }
}

impl Statement {
    fn grants(&self) -> impl Iterator<Item = (&String, &String)> {
        self.actions.iter().flat_map(|action| self.resources.iter().map(move |resource| (action, resource)))
    }

    /// The action and resource of the statement that are those of the call, whatever the conditions.
    fn concerns(&self, asked: &Asked) -> Option<(&String, &String)> {
        self.grants().find(|(action, resource)| {
            let there = resource
                .strip_suffix('*')
                .map_or(asked.resource == **resource, |start| asked.resource.starts_with(start));
            there && action.eq_ignore_ascii_case(&asked.action)
        })
    }
}

/// What of the policy allows it, or why nothing does.
fn granted(policy: &[Statement], asked: &Asked) -> Result<String, String> {
    let mut unmet = Vec::new();
    let mut found = None;
    for statement in policy {
        let Some((action, resource)) = statement.concerns(asked) else { continue };
        match condition::first_unmet(&statement.conditions, &asked.context) {
            None if !statement.allows => return Err(format!("{} denies it", statement.place)),
            None => found = found.or_else(|| Some(grant(statement, action, resource))),
            Some(why) if statement.allows => unmet.push(format!("{} wants {why}", statement.place)),
            Some(_) => {}
        }
    }
    let nothing = || if unmet.is_empty() { "no statement allows it".to_owned() } else { unmet.join("; ") };
    found.ok_or_else(nothing)
}

/// The developer is told why, the caller what AWS would tell.
fn denied(caller: &str, Asked { action, resource, .. }: &Asked, why: &str) -> Refusal {
    eprintln!("permission: {caller} may not {action} on {resource}: {why}");
    Refusal::Denied(format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/{caller} is not authorized to perform: {action} on resource: \
         {resource} because no identity-based policy allows the {action} action"
    ))
}

fn grant(statement: &Statement, action: &str, resource: &str) -> String {
    format!("{} {action} {resource}", statement.place)
}

/// The address of `Name <address>`, or of an address alone.
pub fn address(mailbox: &str) -> &str {
    mailbox.rsplit_once('<').map_or(mailbox, |(_, rest)| rest.trim_end_matches('>'))
}

#[cfg(test)]
mod tests;
