use super::super::{Choices, System, evaluated};
use crate::failure::Failure;
use std::collections::BTreeMap;

fn system(template: &str) -> Result<System, Failure> {
    evaluated(template, &Choices { stack: "s", port: 1, set: &BTreeMap::new() })
}

/// A template whose one function has this statement.
fn with(statement: &str) -> Result<System, Failure> {
    system(&format!(
        "{{Metadata: {{Guichet: {{LocalParameters: {{MailFrom: a@b.c}}}}}}, Parameters: {{MailFrom: {{Type: String}}}},
          Globals: {{Function: {{Timeout: 1, MemorySize: 1}}}}, Outputs: {{SiteSettings: {{Value: '{{}}'}}}},
          Resources: {{T: {{Type: 'AWS::DynamoDB::Table', Properties: {{}}}},
                       F: {{Type: 'AWS::Serverless::Function', Properties: {{CodeUri: x/f/, Policies: {{Statement: {statement}}}}}}}}}}}"
    ))
}

#[test]
fn a_statement_is_read_with_its_place() {
    let system = with(
        "{Sid: x, Effect: Deny, Action: dynamodb:Query, Resource: [!Sub '${T.Arn}/index/i', !GetAtt T.Arn],
          Condition: {'ForAllValues:StringLike': {'dynamodb:leadingkeys': 'a#*'}, StringEqualsIfExists: {'dynamodb:Select': [COUNT]}}}",
    );
    let [statement] = &system.unwrap().functions[0].policy[..] else { panic!() };
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
fn what_could_only_be_guessed_is_refused_with_its_place() {
    let allow = |more: &str| format!("{{Effect: Allow, Action: dynamodb:GetItem, Resource: !GetAtt T.Arn, {more}}}");
    let resource = |resource: &str| format!("{{Effect: Allow, Action: dynamodb:GetItem, Resource: {resource}}}");
    for (statement, at, what) in [
        ("{Effect: Allow, Action: 'dynamodb:*', Resource: !GetAtt T.Arn}".to_owned(), ".Action", "one by one"),
        ("{Effect: Allow, Action: ['*'], Resource: !GetAtt T.Arn}".to_owned(), ".Action", "one by one"),
        ("{Effect: Allow, Resource: !GetAtt T.Arn}".to_owned(), ".Action", "a text"),
        ("{Effect: Maybe, Action: dynamodb:GetItem, Resource: !GetAtt T.Arn}".to_owned(), ".Effect", "Allow or Deny"),
        ("{Effect: Allow, Action: dynamodb:GetItem}".to_owned(), ".Resource", "a text"),
        (resource("'*'"), ".Resource", "an ARN"),
        (resource("'arn:aws:dynamodb:*'"), ".Resource", "an ARN"),
        (resource("'arn:aws:dynamodb:*:1:table/t'"), ".Resource", "an ARN"),
        (resource("'arn:aws:dynamodb:r:1:*'"), ".Resource", "an ARN"),
        (resource("'arn:aws:dynamodb:r:1:table/*/index/i'"), ".Resource", "an ARN"),
        (resource("'arn:aws:dynamodb:r:1:table/?'"), ".Resource", "an ARN"),
        (allow("NotAction: x"), ".Statement[0]", "NotAction"),
        (allow("Principal: x"), ".Statement[0]", "Principal"),
        (
            allow("Condition: {StringNotEquals: {'dynamodb:Select': COUNT}}"),
            ".Condition.StringNotEquals",
            "not understood",
        ),
        (
            allow("Condition: {'ForAnyValue:StringEquals': {'dynamodb:Attributes': a}}"),
            ".Condition.ForAny",
            "not understood",
        ),
        (allow("Condition: [x]"), ".Condition", "a map"),
        (allow("Condition: {StringEquals: x}"), ".Condition.StringEquals", "a map"),
        (allow("Condition: {Bool: {'aws:SecureTransport': true}}"), ".Condition.Bool", "not understood"),
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
        let told = with(&statement).map(|_| ()).unwrap_err().in_full();
        assert!(
            told.contains(&format!(
                "Resources.F.Properties.Policies[0].Statement[0]{}",
                at.replace(".Statement[0]", "")
            )),
            "{told}"
        );
        assert!(told.contains(what), "{told}");
    }
    let of_sam = "{Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Timeout: 1, MemorySize: 1, CodeUri: x/f/, Policies: [X]}}}}";
    assert!(system(of_sam).unwrap_err().in_full().contains("Policies[0]: only policy documents"));
    let of_a_role = of_sam.replace("Policies: [X]", "Role: x");
    assert!(system(&of_a_role).unwrap_err().in_full().contains("Resources.F.Properties.Role"));
}

#[test]
fn the_template_grants_no_scan_no_table_and_nothing_by_a_star() {
    let system = system(include_str!("../../../../template.yaml")).unwrap();
    let statements: Vec<_> = system.functions.iter().flat_map(|function| &function.policy).collect();
    assert!(system.functions.iter().all(|function| !function.policy.is_empty()));
    for statement in statements {
        let place = &statement.place;
        for action in &statement.actions {
            let items =
                ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"];
            let known = match action.split_once(':') {
                Some(("dynamodb", operation)) => items.contains(&operation),
                Some(("secretsmanager", operation)) => operation == "GetSecretValue",
                Some(("ses", operation)) => operation == "SendEmail",
                _ => false,
            };
            assert!(known, "{place}: {action}");
        }
        // SES names an identity by the address or the domain that is verified, which only the account knows; the
        // sender's address is a condition.
        let stars: Vec<_> = statement.resources.iter().filter(|resource| resource.ends_with('*')).collect();
        let sender = statement.conditions.iter().any(|one| one.key == "ses:FromAddress" && !one.if_exists);
        assert!(
            stars.is_empty() || (sender && stars.iter().all(|one| one.contains(":identity/"))),
            "{place}: {stars:?}"
        );
        // A read that names no attribute has none outside the list; just Select tells it from one that names some.
        let has = |key: &str| statement.conditions.iter().any(|one| one.key == key && !one.if_exists);
        let reads =
            statement.actions.iter().any(|action| ["GetItem", "Query"].iter().any(|read| action.ends_with(read)));
        assert!(!reads || !has("dynamodb:Attributes") || has("dynamodb:Select"), "{place}");
    }
}
