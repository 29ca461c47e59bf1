use super::{ParameterOverrides, StackDefinition, Template};
use crate::{PseudoParameters, TemplateError};

fn resolve(template: &str, overrides: &[(&str, &str)]) -> Result<StackDefinition, TemplateError> {
    let pseudo =
        PseudoParameters { stack_name: "s".into(), region: "ca-central-1".into(), account_id: "000000000000".into() };
    let overrides = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Template::parse(template).unwrap().resolve(pseudo, &overrides.collect::<ParameterOverrides>())
}

const FUNCTION: &str = "Type: 'AWS::Serverless::Function', Properties: {Timeout: 1, MemorySize: 1, CodeUri: x/f/";

#[test]
fn parameter_is_validated_like_cloudformation() {
    let template = "Parameters: {
        Length: {Type: Number, Default: 8, MinValue: 4, MaxValue: 64},
        Strict: {Type: String, Default: true, AllowedValues: [true, false]},
        Url: {Type: String, MaxLength: 30, AllowedPattern: 'https://[^/]*', ConstraintDescription: without a path}}";
    let refused = |name: &str, value: &str| {
        let mut overrides = vec![("Url", "https://guichet.example")];
        overrides.retain(|(url, _)| *url != name);
        overrides.push((name, value));
        resolve(template, &overrides).unwrap_err().to_string()
    };
    assert!(refused("Length", "3").contains("MinValue is 4"));
    assert!(refused("Length", "65").contains("MaxValue is 64"));
    assert!(refused("Length", "many").contains("must be a number"));
    assert!(refused("Strict", "oui").contains("true or false"));
    assert!(refused("Url", "https://guichet.example/").contains("without a path"));
    assert!(refused("Url", "https://a-long-name.guichet.example").contains("MaxLength is 30"));
    assert!(refused("NoSuch", "1").contains("no such parameter: NoSuch; the template has Length, Strict, Url"));
    assert!(matches!(resolve(template, &[]), Err(TemplateError::MissingParameter(name)) if name == "Url"));
    let stack = resolve(template, &[("Url", "https://guichet.example")]).unwrap();
    assert_eq!((&stack.parameters()["Length"], &stack.parameters()["Strict"]), (&"8".into(), &"true".into()));
}

#[test]
fn unsupported_resource_is_named() {
    let template = format!(
        "Resources: {{Chatbot: {{Type: 'AWS::Chatbot::SlackChannelConfiguration'}},
                      F: {{{FUNCTION}, Events: {{Q: {{Type: SQS}}}}}}}}}}"
    );
    assert_eq!(Template::parse(&template).unwrap().function_names(), ["f"]);
    let unread = resolve(&template, &[]).unwrap().unread;
    assert_eq!(unread["AWS::Chatbot::SlackChannelConfiguration"], ["Chatbot"]);
    assert_eq!(unread["SQS"], ["F.Q"]);
}

#[test]
fn template_error_has_location() {
    let output = |value: &str| {
        let template =
            format!("{{Resources: {{T: {{Type: 'AWS::DynamoDB::Table'}}}}, Outputs: {{O: {{Value: {value}}}}}}}");
        resolve(&template, &[]).unwrap().output("O").unwrap_err().to_string()
    };
    assert!(output("!Ref Nothing").contains("Outputs.O.Value: there is no parameter or resource \"Nothing\""));
    assert!(output("!ImportValue x").contains("Fn::ImportValue"));
    assert!(output("!Sub '${T.Color}'").contains("Color of T"));
    let schedule = format!(
        "Resources: {{F: {{{FUNCTION}, Events: {{S: {{Type: Schedule, Properties: {{Schedule: 'cron(0 1 * * ? *)'}}}}}}}}}}}}"
    );
    assert!(resolve(&schedule, &[]).unwrap_err().to_string().contains("Resources.F.Properties.Events.S: cron("));
}

#[test]
fn route_with_authorizer_is_refused() {
    let route = format!(
        "Resources: {{F: {{{FUNCTION}, Events: {{R: {{Type: HttpApi, Properties: {{Method: GET, Path: /api/x, Auth: {{Authorizer: Session}}}}}}}}}}}}}}"
    );
    assert!(resolve(&route, &[]).unwrap_err().to_string().contains("Resources.F.Properties.Events.R: a route's Auth"));
    let api = "Resources: {A: {Type: 'AWS::Serverless::HttpApi', Properties: {Auth: {DefaultAuthorizer: Session}}}}";
    assert!(resolve(api, &[]).unwrap_err().to_string().contains("DefaultAuthorizer"));
}

#[test]
fn conditions_select_resources() {
    let template = "{Parameters: {DeskName: {Type: String, Default: desk}},
          Conditions: {Never: !Equals [a, b], Always: !And [!Not [!Condition Never], !Or [!Equals [!Ref DeskName, x], !Equals [1, 1]]]},
          Resources: {A: {Type: X, Condition: Never}, B: {Type: Y, Condition: Always},
                      S: {Type: 'AWS::SecretsManager::Secret', Properties: {GenerateSecretString: {SecretStringTemplate: '{}',
                          GenerateStringKey: !If [Always, yes, no], PasswordLength: !If [Never, 1, !Ref 'AWS::NoValue']}}}}}";
    let stack = resolve(template, &[]).unwrap();
    assert_eq!(stack.unread["Y"], ["B"]);
    assert!(!stack.unread.contains_key("X"));
    let secret = stack.secrets.iter().find(|secret| secret.logical_id == "S").unwrap();
    assert_eq!((secret.generator.key.as_str(), secret.generator.password_length), ("yes", 32));
}
