use super::{Choices, System, evaluate, yaml};
use crate::failure::Failure;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

fn real() -> Value {
    yaml::parse(include_str!("../../../template.yaml")).unwrap()
}

fn system(template: &Value, set: &[(&str, &str)]) -> Result<System, Failure> {
    let set: BTreeMap<_, _> = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    evaluate(template, &Choices { stack: "guichet-3000", port: 3000, set: &set })
}

/// The real template with more resources.
fn with(more: &str) -> Value {
    let mut template = real();
    let more = yaml::parse(more).unwrap();
    for (section, entries) in more.as_object().unwrap() {
        for (key, value) in entries.as_object().unwrap() {
            template[section][key] = value.clone();
        }
    }
    template
}

#[test]
fn each_function_knows_just_what_the_template_gives_it() {
    let system = system(&real(), &[]).unwrap();
    let register = system.functions.iter().find(|function| function.name == "register").unwrap();
    assert_eq!(register.logical_id, "RegisterFunction");
    assert_eq!(register.timeout, Duration::from_secs(10));
    assert_eq!(register.memory, 128);
    assert_eq!(register.log_format, "JSON");
    assert_eq!(register.variables["PORTAL_URL"], "http://localhost:3000");
    assert_eq!(register.variables["MANAGED_NETWORKS"], "127.0.0.1/32,::1/128");
    assert_eq!(register.variables["MAIL_REQUESTS_TABLE"], "guichet-3000-MailRequests");
    assert_eq!(
        register.variables["NAMES_SECRET"],
        "arn:aws:secretsmanager:ca-central-1:000000000000:secret:guichet-3000-NamesSecret"
    );
    assert!(!register.variables.contains_key("CREDENTIALS_TABLE"));
    let login = system.functions.iter().find(|function| function.name == "login").unwrap();
    assert_eq!(login.memory, 192);
    let mailer = system.functions.iter().find(|function| function.name == "mailer").unwrap();
    assert_eq!(mailer.timeout, Duration::from_secs(30));
}

#[test]
fn the_routes_are_those_of_the_events() {
    let system = system(&real(), &[]).unwrap();
    let routes: Vec<String> =
        system.routes.iter().map(|route| format!("{} {} {}", route.method, route.path, route.function)).collect();
    assert!(routes.contains(&"POST /api/reset/check reset".to_owned()));
    assert!(routes.contains(&"DELETE /api/sessions/{id} session".to_owned()));
}

#[test]
fn the_stream_and_the_clock_call_the_mailer() {
    let system = system(&real(), &[]).unwrap();
    let [stream] = &system.streams[..] else { panic!("{:?}", system.streams) };
    assert_eq!((stream.function.as_str(), stream.table.as_str()), ("mailer", "guichet-3000-MailRequests"));
    assert_eq!((stream.batch_size, stream.retries, stream.maximum_age), (10, Some(1), Some(Duration::from_mins(1))));
    assert_eq!(stream.event_names.as_deref(), Some(&["INSERT".to_owned()][..]));
    assert_eq!(system.schedules[0].every, Duration::from_mins(1));
}

#[test]
fn a_table_is_what_create_table_takes() {
    let system = system(&real(), &[]).unwrap();
    let requests = system.tables.iter().find(|table| table.logical_id == "MailRequests").unwrap();
    assert_eq!(requests.definition["TableName"], "guichet-3000-MailRequests");
    assert_eq!(requests.definition["StreamSpecification"]["StreamEnabled"], true);
    assert_eq!(requests.definition["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
    assert!(requests.definition.get("DeletionProtectionEnabled").is_none());
    assert_eq!(requests.time_to_live.as_deref(), Some("ttl"));
    let credentials = system.tables.iter().find(|table| table.logical_id == "Credentials").unwrap();
    assert_eq!(credentials.time_to_live, None);
}

#[test]
fn pages_get_the_headers_of_the_policy() {
    let headers: BTreeMap<String, String> = system(&real(), &[]).unwrap().page_headers.into_iter().collect();
    assert!(headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert_eq!(headers["strict-transport-security"], "max-age=63072000; includeSubDomains");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
}

#[test]
fn what_the_api_answers_gets_headers_of_its_own() {
    let headers: BTreeMap<String, String> = system(&real(), &[]).unwrap().api_headers.into_iter().collect();
    assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'; sandbox");
    assert_eq!(headers["cache-control"], "no-store");
}

#[test]
fn the_settings_are_the_organisations() {
    let system = system(&real(), &[("DeskName", "Centre d’aide"), ("DeskPortalUrl", "https://desk.example/")]).unwrap();
    let settings: Value = serde_json::from_str(&system.site_settings).unwrap();
    assert_eq!(settings["deskName"], "Centre d’aide");
    assert_eq!(settings["deskPortalUrl"], "https://desk.example/");
    assert_eq!(system.mail_from, "centre-de-services@guichet.example");
}

#[test]
fn a_parameter_is_checked_as_cloudformation_would() {
    let refused = |name: &str, value: &str| system(&real(), &[(name, value)]).unwrap_err().in_full();
    assert!(refused("PasswordMinLength", "3").contains("the least is 4"));
    assert!(refused("PasswordMinLength", "many").contains("takes a number"));
    assert!(refused("PasswordNeedsLetterAndDigit", "oui").contains("true or false"));
    assert!(refused("PortalUrl", "http://localhost:3000/").contains("without a path"));
    assert!(refused("NoSuch", "1").contains("no such parameter"));
}

#[test]
fn what_is_not_emulated_is_named() {
    let template = with("Resources: {Chatbot: {Type: 'AWS::Chatbot::SlackChannelConfiguration'}}");
    assert_eq!(system(&template, &[]).unwrap().not_emulated["AWS::Chatbot::SlackChannelConfiguration"], ["Chatbot"]);
}

#[test]
fn the_edges_function_is_the_one_that_is_tested() {
    let code = real()["Resources"]["EdgeFunction"]["Properties"]["FunctionCode"].as_str().unwrap().to_owned();
    assert_eq!(code.trim_end(), include_str!("../../../edge.js").trim_end(), "infra/edge.js and the template differ");
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let output = |value: &str| {
        let mut template = real();
        template["Outputs"]["SiteSettings"]["Value"] = yaml::parse(value).unwrap();
        system(&template, &[]).unwrap_err().in_full()
    };
    assert!(
        output("!Ref Nothing").contains("Outputs.SiteSettings.Value: there is no parameter or resource \"Nothing\"")
    );
    assert!(output("!ImportValue x").contains("Fn::ImportValue"));
    assert!(output("!Sub '${Directory.Colour}'").contains("Colour of Directory"));
    let filter = with(
        "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: x/f/, Events: {S: {Type: Schedule, Properties: {Schedule: 'cron(0 1 * * ? *)'}}}}}}",
    );
    assert!(system(&filter, &[]).unwrap_err().in_full().contains("Resources.F.Properties.Events.S: cron("));
}

#[test]
fn no_route_is_open_here_that_an_authorizer_guards() {
    let route = with(
        "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: x/f/, Events: {R: {Type: HttpApi, Properties: {Method: GET, Path: /api/x, Auth: {Authorizer: Session}}}}}}}",
    );
    assert!(system(&route, &[]).unwrap_err().in_full().contains("Resources.F.Properties.Events.R: a route's Auth"));
    let mut all = real();
    all["Resources"]["Api"]["Properties"]["Auth"]["DefaultAuthorizer"] = "Session".into();
    assert!(system(&all, &[]).unwrap_err().in_full().contains("DefaultAuthorizer"));
}

#[test]
fn conditions_decide_what_there_is() {
    let template = with(
        "{Conditions: {Never: !Equals [a, b], Always: !And [!Not [!Condition Never], !Or [!Equals [!Ref DeskName, x], !Equals [1, 1]]]},
          Resources: {A: {Type: X, Condition: Never}, B: {Type: Y, Condition: Always},
                      S: {Type: 'AWS::SecretsManager::Secret', Properties: {GenerateSecretString: {SecretStringTemplate: '{}',
                          GenerateStringKey: !If [Always, yes, no], PasswordLength: !If [Never, 1, !Ref 'AWS::NoValue']}}}}}",
    );
    let system = system(&template, &[]).unwrap();
    assert_eq!(system.not_emulated["Y"], ["B"]);
    assert!(!system.not_emulated.contains_key("X"));
    let secret = system.secrets.iter().find(|secret| secret.logical_id == "S").unwrap();
    assert_eq!((secret.generate.key.as_str(), secret.generate.password_length), ("yes", 32));
}
