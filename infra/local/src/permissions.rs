//! Denies a function's AWS calls as IAM would, so that a missing permission is found on the developer's machine.

use crate::data_folder::{DataFolder, PERMISSIONS_LOG};
use anyhow::Context;
use guichet_cfn::iam::{AuthorizationError, Grant, PolicyEvaluator};
use guichet_cfn::template::StackDefinition;
use guichet_deploy::stack_info::OPERATOR;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// The policies of all functions, and the managed policies that people and jobs have.
pub struct Permissions {
    evaluator: PolicyEvaluator,
    used: Mutex<(File, BTreeSet<String>)>,
}

impl Permissions {
    /// Starts the log: a line `granted GRANT` for each grant, and later a line `used GRANT` for the first call that it
    /// allows.
    pub fn open(stack: &StackDefinition, data: &DataFolder) -> anyhow::Result<Self> {
        let evaluator = stack.policy_evaluator();
        let path = data.file(PERMISSIONS_LOG);
        let context = || format!("cannot write {}", path.display());
        let mut log = File::create(&path).with_context(context)?;
        for grant in evaluator.grants() {
            writeln!(log, "granted {grant}").with_context(context)?;
        }
        Ok(Self { evaluator, used: Mutex::new((log, BTreeSet::new())) })
    }

    pub fn dynamodb(&self, caller: &str, operation: &str, body: &[u8]) -> Result<(), AuthorizationError> {
        self.check(caller, |evaluator| evaluator.dynamodb(caller, operation, body))
    }

    pub fn get_secret_value(&self, caller: &str, body: &[u8]) -> Result<(), AuthorizationError> {
        self.check(caller, |evaluator| evaluator.get_secret_value(caller, body))
    }

    pub fn send_email(&self, caller: &str, body: &[u8]) -> Result<(), AuthorizationError> {
        self.check(caller, |evaluator| evaluator.send_email(caller, body))
    }

    fn check(
        &self,
        caller: &str,
        evaluate: impl FnOnce(&PolicyEvaluator) -> Result<Vec<Grant>, AuthorizationError>,
    ) -> Result<(), AuthorizationError> {
        if caller == OPERATOR {
            return Ok(());
        }
        match evaluate(&self.evaluator) {
            Ok(grants) => grants.iter().for_each(|grant| self.record_use(grant)),
            Err(error) => {
                match &error {
                    AuthorizationError::AccessDenied { action, resource, reason, .. } => {
                        console!("access denied: {caller} may not {action} on {resource}: {reason}");
                    }
                    other => console!("access denied: {caller}: {other}"),
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn record_use(&self, grant: &Grant) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (log, known) = &mut *used;
        if known.insert(grant.to_string()) {
            // If the disk is full, the database reports it first.
            let _ = writeln!(log, "used {grant}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OPERATOR, PERMISSIONS_LOG, Permissions};
    use crate::data_folder::DataFolder;
    use guichet_cfn::{PseudoParameters, Template};
    use serde_json::json;
    use std::collections::BTreeMap;

    const TEMPLATE: &str = "Resources:
      People: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: [{AttributeName: account, KeyType: HASH}]}}
      F:
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: x/f/
          Timeout: 1
          MemorySize: 128
          Policies:
            Statement: {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:UpdateItem], Resource: !GetAtt People.Arn}";

    #[test]
    fn used_permission_is_logged_once() {
        let folder = std::env::temp_dir().join(format!("guichet-permissions-{}", std::process::id()));
        let data = DataFolder::open(&folder).unwrap();
        let pseudo = PseudoParameters {
            stack_name: "s".into(),
            region: "ca-central-1".into(),
            account_id: "000000000000".into(),
        };
        let stack = Template::parse(TEMPLATE).unwrap().resolve(pseudo, &BTreeMap::new()).unwrap();
        let permissions = Permissions::open(&stack, &data).unwrap();
        let call = json!({"TableName": "s-People", "Key": {"account": {"S": "x"}}}).to_string();
        for _ in 0..2 {
            permissions.dynamodb("F", "GetItem", call.as_bytes()).unwrap();
        }
        assert!(permissions.dynamodb("F", "DeleteItem", call.as_bytes()).is_err());
        assert_eq!(permissions.dynamodb(OPERATOR, "DeleteItem", call.as_bytes()), Ok(()));
        let log = std::fs::read_to_string(data.file(PERMISSIONS_LOG)).unwrap();
        let (granted, used): (Vec<_>, Vec<_>) = log.lines().partition(|line| line.starts_with("granted "));
        assert_eq!(granted.len(), 2, "{log}");
        assert_eq!(
            used,
            [
                "used Resources.F.Properties.Policies[0].Statement[0] dynamodb:GetItem arn:aws:dynamodb:ca-central-1:000000000000:table/s-People"
            ]
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
