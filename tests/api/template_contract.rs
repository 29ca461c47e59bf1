//! The template is the only description of the system: a change to it changes the local stack.

use crate::permissions::Aws;
use guichet_tests::{Person, Setup};
use serde_json::json;

/// The template with each text, which must occur once, replaced by another.
fn changed(changes: &[(&str, &str)]) -> String {
    let mut template = include_str!("../../infra/template.yaml").to_owned();
    for (from, to) in changes {
        assert_eq!(template.matches(from).count(), 1, "{from}");
        template = template.replace(from, to);
    }
    template
}

#[test]
fn functions_and_pages_share_the_password_policy() {
    let policy = |line: &'static str| Some(line.split_once("\"min_length\"")?.1.trim_end_matches(['}', '\'']));
    let policies: Vec<_> = include_str!("../../infra/template.yaml").lines().filter_map(policy).collect();
    assert!(policies.len() == 4 && policies.iter().all(|it| *it == policies[0]), "{policies:#?}");
}

#[tokio::test]
async fn local_stack_follows_the_template() {
    let route = "        SignOut: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: DELETE, Path: /api/session}}\n";
    let another = "        Encore: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: /api/encore}}\n";
    let table = "  Annexe:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      BillingMode: PAY_PER_REQUEST\n      \
                 AttributeDefinitions: [{AttributeName: key, AttributeType: S}]\n      \
                 KeySchema: [{AttributeName: key, KeyType: HASH}]\n";
    let grant = "            - Effect: Allow\n              Action: [dynamodb:GetItem]\n              \
                 Resource: !GetAtt Annexe.Arn\n";
    let statement =
        "              Action: [dynamodb:Query, dynamodb:PutItem]\n              Resource: !GetAtt Events.Arn\n";
    let template = changed(&[
        (route, another),
        (
            "  Directory:\n    Type: AWS::DynamoDB::Table\n",
            &format!("{table}\n  Directory:\n    Type: AWS::DynamoDB::Table\n"),
        ),
        (statement, &format!("{}{grant}", statement.replace("dynamodb:Query, ", ""))),
        (
            "            - {Header: Permissions-Policy,",
            "            - {Header: X-Encore, Value: oui, Override: true}\n            - {Header: Permissions-Policy,",
        ),
    ]);
    let setup = Setup::new();
    let file = setup.data().join("template.yaml");
    std::fs::write(&file, template).unwrap();
    let portal = setup.with(&format!("--template={}", file.display())).start();
    let (person, visitor) = (Person::new(), portal.visitor());
    visitor.sign_up(&portal, &person, "oie7").await;
    visitor.sign_in(&person.account, "oie7").await.expect(200, "");

    // The new route reaches the function, which does not know it. The removed route gets the gateway's own 404.
    visitor.get("/api/encore").await.expect(404, "no-route");
    let gone = visitor.delete("/api/session").await;
    assert_eq!((gone.status.as_u16(), &gone.json()), (404, &json!({"message": "Not Found"})));
    assert_eq!(visitor.get("/").await.header("x-encore"), "oui");
    assert!(portal.items("Annexe").await.is_empty());
    let aws = Aws::of(&portal);
    let read = json!({"TableName": "$Annexe", "Key": {"key": {"S": "x"}}});
    assert!(aws.allows("SessionFunction", "GetItem", &read).await);
    assert!(!aws.allows("LoginFunction", "GetItem", &read).await);
    // The function still makes the call, which is now denied.
    visitor.get("/api/events").await.expect(503, "unavailable");
}
