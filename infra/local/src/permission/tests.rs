use super::{Permissions, Refusal};
use crate::data::Data;
use crate::template::{Choices, evaluated};
use serde_json::{Value, json};

const TEMPLATE: &str = r#"
Metadata: {Guichet: {LocalParameters: {MailFrom: desk@guichet.example}}}
Parameters: {MailFrom: {Type: String}}
Globals: {Function: {Timeout: 1, MemorySize: 128}}
Resources:
  People:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{AttributeName: account, KeyType: HASH}]
      GlobalSecondaryIndexes: [{IndexName: by_name, KeySchema: [{AttributeName: name, KeyType: HASH}]}]
  Key:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {SecretStringTemplate: "{}", GenerateStringKey: key}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: x/f/
      Policies:
        - Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: [dynamodb:GetItem, dynamodb:UpdateItem]
              Resource: !GetAtt People.Arn
              Condition:
                ForAllValues:StringEquals: {dynamodb:Attributes: [account, version]}
                StringEqualsIfExists: {dynamodb:Select: SPECIFIC_ATTRIBUTES, dynamodb:ReturnValues: [NONE, UPDATED_NEW]}
            - Effect: Allow
              Action: dynamodb:PutItem
              Resource: !GetAtt People.Arn
              Condition: {StringEquals: {dynamodb:EnclosingOperation: TransactWriteItems}}
            - Effect: Allow
              Action: dynamodb:Query
              Resource: !Sub "${People.Arn}/index/by_name"
        - Statement:
            Effect: Allow
            Action: secretsmanager:GetSecretValue
            Resource: !Ref Key
        - Statement:
            - Effect: Allow
              Action: ses:SendEmail
              Resource:
                - !Sub "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"
                - !Sub "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/set"
              Condition:
                StringEquals: {ses:FromAddress: !Ref MailFrom}
                ForAllValues:StringLike: {ses:Recipients: "*@guichet.example"}
            - Effect: Deny
              Action: ses:SendEmail
              Resource: !Sub "arn:aws:ses:${AWS::Region}:${AWS::AccountId}:identity/*"
              Condition: {ForAllValues:StringEquals: {ses:Recipients: [director@guichet.example]}}
  G: {Type: AWS::Serverless::Function, Properties: {CodeUri: x/g/}}
Outputs: {SiteSettings: {Value: "{}"}}
"#;

struct Trial {
    permissions: Permissions,
    data: Data,
}

impl Trial {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("guichet-{name}-{}", std::process::id()));
        let data = Data::open(&folder).unwrap();
        let choices = Choices { stack: "s", port: 1, set: &std::collections::BTreeMap::new() };
        let permissions = Permissions::open(&evaluated(TEMPLATE, &choices).unwrap(), &data).unwrap();
        Self { permissions, data }
    }

    fn dynamodb(&self, caller: &str, operation: &str, call: &Value) -> Result<(), Refusal> {
        self.permissions.dynamodb(caller, operation, call.to_string().as_bytes())
    }

    fn mail(&self, from: &str, to: &str, set: &str) -> bool {
        let call = json!({"FromEmailAddress": from, "Destination": {"ToAddresses": [to]}, "ConfigurationSetName": set});
        self.permissions.mail("F", call.to_string().as_bytes()).is_ok()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.data.folder()).unwrap();
    }
}

fn item(more: &Value) -> Value {
    let mut call = json!({"TableName": "s-People", "Key": {"account": {"S": "x"}}});
    for (name, value) in more.as_object().unwrap() {
        call[name] = value.clone();
    }
    call
}

#[test]
fn a_call_is_judged_by_the_callers_own_policy() {
    let trial = Trial::new("judged");
    for (operation, call, allowed) in [
        ("GetItem", item(&json!({"ProjectionExpression": "version"})), true),
        ("GetItem", item(&json!({})), false),
        ("GetItem", item(&json!({"ProjectionExpression": "phc"})), false),
        ("GetItem", item(&json!({"TableName": "s-Other", "ProjectionExpression": "version"})), false),
        ("UpdateItem", item(&json!({"UpdateExpression": "SET version = :v"})), true),
        ("UpdateItem", item(&json!({"UpdateExpression": "SET version = :v", "ReturnValues": "ALL_OLD"})), false),
        ("UpdateItem", item(&json!({"UpdateExpression": "SET phc = :v"})), false),
        ("PutItem", item(&json!({"Item": {"account": {"S": "x"}}})), false),
        ("TransactWriteItems", json!({"TransactItems": [{"Put": item(&json!({}))}]}), true),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": item(&json!({}))}, {"Delete": item(&json!({}))}]}),
            false,
        ),
        ("Query", item(&json!({})), false),
        ("Query", item(&json!({"IndexName": "by_name", "Key": {"name": {"S": "roy"}}})), true),
        ("Scan", item(&json!({})), false),
        ("DescribeTable", item(&json!({})), false),
    ] {
        assert_eq!(trial.dynamodb("F", operation, &call).is_ok(), allowed, "{operation} {call}");
        assert!(trial.dynamodb("G", operation, &call).is_err(), "{operation} {call}");
        assert_eq!(trial.dynamodb("admin", operation, &call), Ok(()));
        assert_eq!(trial.dynamodb("Stranger", operation, &call), Err(Refusal::UnknownKey));
    }
}

#[test]
fn a_refusal_is_told_as_aws_tells_it() {
    let trial = Trial::new("told");
    let Err(Refusal::Denied(message)) = trial.dynamodb("F", "DeleteItem", &item(&json!({}))) else { panic!() };
    assert!(message.starts_with(
        "User: arn:aws:sts::000000000000:assumed-role/F is not authorized to perform: dynamodb:DeleteItem"
    ));
    assert!(message.contains("resource: arn:aws:dynamodb:ca-central-1:000000000000:table/s-People"), "{message}");
    assert!(matches!(trial.permissions.dynamodb("F", "GetItem", b"{"), Err(Refusal::Unclear(_))));
    let nothing = json!({"RequestItems": {}});
    assert!(matches!(trial.dynamodb("F", "BatchGetItem", &nothing), Err(Refusal::Unclear(_))));
}

#[test]
fn a_secret_is_known_by_name_and_arn() {
    let trial = Trial::new("secret");
    let get = |caller: &str, id: &str| trial.permissions.secret(caller, json!({"SecretId": id}).to_string().as_bytes());
    assert_eq!(get("F", "s-Key"), Ok(()));
    assert_eq!(get("F", "arn:aws:secretsmanager:ca-central-1:000000000000:secret:s-Key"), Ok(()));
    assert!(get("F", "s-Other").is_err());
    assert!(get("G", "s-Key").is_err());
}

#[test]
fn a_mail_needs_identity_and_configuration_set_and_a_denial_wins() {
    let trial = Trial::new("mail");
    for (from, to, set, allowed) in [
        ("desk@guichet.example", "a@guichet.example", "set", true),
        ("Desk <desk@guichet.example>", "A <a@guichet.example>", "set", true),
        ("other@guichet.example", "a@guichet.example", "set", false),
        ("desk@guichet.example", "a@elsewhere.example", "set", false),
        ("desk@guichet.example", "a@guichet.example", "other", false),
        ("desk@guichet.example", "director@guichet.example", "set", false),
        ("nobody", "a@guichet.example", "set", false),
    ] {
        assert_eq!(trial.mail(from, to, set), allowed, "{from} {to} {set}");
    }
}

#[test]
fn what_is_used_is_noted_once() {
    let trial = Trial::new("noted");
    for _ in 0..2 {
        trial.dynamodb("F", "GetItem", &item(&json!({"ProjectionExpression": "version"}))).unwrap();
    }
    let log = std::fs::read_to_string(trial.data.file("permissions.log")).unwrap();
    let (granted, used): (Vec<_>, Vec<_>) = log.lines().partition(|line| line.starts_with("granted "));
    assert_eq!(granted.len(), 7, "{log}");
    assert_eq!(
        used,
        [
            "used Resources.F.Properties.Policies[0].Statement[0] dynamodb:GetItem arn:aws:dynamodb:ca-central-1:000000000000:table/s-People"
        ]
    );
}
