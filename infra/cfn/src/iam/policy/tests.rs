use crate::template::{ParameterOverrides, StackDefinition};
use crate::{PseudoParameters, Template, TemplateError};

fn resolve(template: &str) -> Result<StackDefinition, TemplateError> {
    let pseudo =
        PseudoParameters { stack_name: "s".into(), region: "ca-central-1".into(), account_id: "000000000000".into() };
    Template::parse(template).unwrap().resolve(pseudo, &ParameterOverrides::new())
}

/// A template with one function that has this statement.
fn with(statement: &str) -> Result<StackDefinition, TemplateError> {
    resolve(&format!(
        "{{Globals: {{Function: {{Timeout: 1, MemorySize: 1}}}},
          Resources: {{T: {{Type: 'AWS::DynamoDB::Table', Properties: {{}}}},
                       F: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: x/f/, Policies: {{Statement: {statement}}}}}}}}}}}"
    ))
}

#[test]
fn statement_keeps_its_source_location() {
    let stack = with(
        "{Sid: x, Effect: Deny, Action: dynamodb:Query, Resource: [!Sub '${T.Arn}/index/i', !GetAtt T.Arn],
          Condition: {'ForAllValues:StringLike': {'dynamodb:leadingkeys': 'a#*'}, StringEqualsIfExists: {'dynamodb:Select': [COUNT]}}}",
    );
    let [statement] = &stack.unwrap().functions[0].policy[..] else { panic!() };
    assert_eq!(statement.place, "Resources.F.Properties.Policies[0].Statement[0]");
    assert!(!statement.allows);
    assert_eq!(statement.actions, ["dynamodb:Query"]);
    assert_eq!(statement.resources[0], "arn:aws:dynamodb:ca-central-1:000000000000:table/s-T/index/i");
    let [like, equals] = &statement.conditions[..] else { panic!() };
    assert_eq!((like.for_all, like.like, like.if_exists, like.key), (true, true, false, "dynamodb:LeadingKeys"));
    assert_eq!((equals.for_all, equals.like, equals.if_exists, equals.key), (false, false, true, "dynamodb:Select"));
    assert_eq!((&like.values[..], &equals.values[..]), (&["a#*".to_owned()][..], &["COUNT".to_owned()][..]));
}

#[test]
fn unsupported_policy_is_refused_with_location() {
    let allow = |more: &str| format!("{{Effect: Allow, Action: dynamodb:GetItem, Resource: !GetAtt T.Arn, {more}}}");
    let resource = |resource: &str| format!("{{Effect: Allow, Action: dynamodb:GetItem, Resource: {resource}}}");
    for (statement, at, what) in [
        ("{Effect: Allow, Action: 'dynamodb:*', Resource: !GetAtt T.Arn}".to_owned(), ".Action", "without wildcards"),
        ("{Effect: Allow, Action: ['*'], Resource: !GetAtt T.Arn}".to_owned(), ".Action", "without wildcards"),
        ("{Effect: Allow, Resource: !GetAtt T.Arn}".to_owned(), ".Action", "a text"),
        ("{Effect: Maybe, Action: dynamodb:GetItem, Resource: !GetAtt T.Arn}".to_owned(), ".Effect", "Allow or Deny"),
        ("{Effect: Allow, Action: dynamodb:GetItem}".to_owned(), ".Resource", "a text"),
        (resource("'*'"), ".Resource", "must be an ARN"),
        (resource("'arn:aws:dynamodb:*'"), ".Resource", "must be an ARN"),
        (resource("'arn:aws:dynamodb:*:1:table/t'"), ".Resource", "must be an ARN"),
        (resource("'arn:aws:dynamodb:r:1:*'"), ".Resource", "must be an ARN"),
        (resource("'arn:aws:dynamodb:r:1:table/*/index/i'"), ".Resource", "must be an ARN"),
        (resource("'arn:aws:dynamodb:r:1:table/?'"), ".Resource", "must be an ARN"),
        (allow("NotAction: x"), ".Statement[0]", "NotAction"),
        (allow("Principal: x"), ".Statement[0]", "Principal"),
        (
            allow("Condition: {StringNotEquals: {'dynamodb:Select': COUNT}}"),
            ".Condition.StringNotEquals",
            "not supported",
        ),
        (
            allow("Condition: {'ForAnyValue:StringEquals': {'dynamodb:Attributes': a}}"),
            ".Condition.ForAny",
            "not supported",
        ),
        (allow("Condition: [x]"), ".Condition", "a map"),
        (allow("Condition: {StringEquals: x}"), ".Condition.StringEquals", "a map"),
        (allow("Condition: {Bool: {'aws:SecureTransport': true}}"), ".Condition.Bool", "not supported"),
        (allow("Condition: {StringEquals: {'aws:userid': x}}"), ".Condition.StringEquals", "aws:userid"),
        (allow("Condition: {StringEquals: {'dynamodb:Attributes': a}}"), ".Condition.StringEquals", "ForAllValues"),
        (
            allow("Condition: {'ForAllValues:StringEquals': {'dynamodb:Select': COUNT}}"),
            ".Condition.ForAll",
            "no ForAllValues",
        ),
        (
            allow("Condition: {StringEquals: {'dynamodb:Select': '${aws:userid}'}}"),
            ".Condition.StringEquals",
            "variables",
        ),
    ] {
        let error = with(&statement).unwrap_err().to_string();
        assert!(
            error.contains(&format!(
                "Resources.F.Properties.Policies[0].Statement[0]{}",
                at.replace(".Statement[0]", "")
            )),
            "{error}"
        );
        assert!(error.contains(what), "{error}");
    }
    let sam_policy = "{Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Timeout: 1, MemorySize: 1, CodeUri: x/f/, Policies: [X]}}}}";
    assert!(resolve(sam_policy).unwrap_err().to_string().contains("Policies[0]: only policy documents"));
    let role = sam_policy.replace("Policies: [X]", "Role: x");
    assert!(resolve(&role).unwrap_err().to_string().contains("Resources.F.Properties.Role"));
}
