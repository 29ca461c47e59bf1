use super::{AuthorizationError, Grant, PolicyEvaluator};
use crate::template::ParameterOverrides;
use crate::{PseudoParameters, Template};
use serde_json::{Value, json};

const TEMPLATE: &str = r#"
Parameters: {MailFrom: {Type: String, Default: desk@guichet.example}}
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
"#;

fn evaluator() -> PolicyEvaluator {
    let pseudo =
        PseudoParameters { stack_name: "s".into(), region: "ca-central-1".into(), account_id: "000000000000".into() };
    Template::parse(TEMPLATE).unwrap().resolve(pseudo, &ParameterOverrides::new()).unwrap().policy_evaluator()
}

fn dynamodb(principal: &str, operation: &str, call: &Value) -> Result<Vec<Grant>, AuthorizationError> {
    evaluator().dynamodb(principal, operation, call.to_string().as_bytes())
}

fn allows_mail(from: &str, to: &str, set: &str) -> bool {
    let call = json!({"FromEmailAddress": from, "Destination": {"ToAddresses": [to]}, "ConfigurationSetName": set});
    evaluator().send_email("F", call.to_string().as_bytes()).is_ok()
}

fn item(more: &Value) -> Value {
    let mut call = json!({"TableName": "s-People", "Key": {"account": {"S": "x"}}});
    for (name, value) in more.as_object().unwrap() {
        call[name] = value.clone();
    }
    call
}

#[test]
fn request_is_evaluated_by_policy_of_caller() {
    assert_eq!(evaluator().grants().count(), 7);
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
        assert_eq!(dynamodb("F", operation, &call).is_ok(), allowed, "{operation} {call}");
        assert!(dynamodb("G", operation, &call).is_err(), "{operation} {call}");
        let unknown = AuthorizationError::UnknownPrincipal("Stranger".into());
        assert_eq!(dynamodb("Stranger", operation, &call), Err(unknown));
    }
}

#[test]
fn authorization_error_has_aws_wording() {
    let error = dynamodb("F", "DeleteItem", &item(&json!({}))).unwrap_err();
    assert!(matches!(&error, AuthorizationError::AccessDenied { reason, .. } if reason == "no statement allows it"));
    let message = error.to_string();
    assert!(message.starts_with(
        "User: arn:aws:sts::000000000000:assumed-role/F is not authorized to perform: dynamodb:DeleteItem"
    ));
    assert!(message.contains("resource: arn:aws:dynamodb:ca-central-1:000000000000:table/s-People"), "{message}");
    let invalid = |result| matches!(result, Err(AuthorizationError::InvalidRequest(_)));
    assert!(invalid(evaluator().dynamodb("F", "GetItem", b"{")));
    assert!(invalid(dynamodb("F", "BatchGetItem", &json!({"RequestItems": {}}))));
}

#[test]
fn secret_matches_by_name_and_arn() {
    let get = |principal: &str, id: &str| {
        evaluator().get_secret_value(principal, json!({"SecretId": id}).to_string().as_bytes())
    };
    assert!(get("F", "s-Key").is_ok());
    assert!(get("F", "arn:aws:secretsmanager:ca-central-1:000000000000:secret:s-Key").is_ok());
    assert!(get("F", "s-Other").is_err());
    assert!(get("G", "s-Key").is_err());
}

#[test]
fn send_email_needs_both_resources_and_deny_wins() {
    for (from, to, set, allowed) in [
        ("desk@guichet.example", "a@guichet.example", "set", true),
        ("Desk <desk@guichet.example>", "A <a@guichet.example>", "set", true),
        ("other@guichet.example", "a@guichet.example", "set", false),
        ("desk@guichet.example", "a@elsewhere.example", "set", false),
        ("desk@guichet.example", "a@guichet.example", "other", false),
        ("desk@guichet.example", "director@guichet.example", "set", false),
        ("nobody", "a@guichet.example", "set", false),
    ] {
        assert_eq!(allows_mail(from, to, set), allowed, "{from} {to} {set}");
    }
}
