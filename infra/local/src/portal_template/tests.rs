use super::{PortalDefinition, resolve};
use guichet_cfn::Template;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

fn template() -> Template {
    Template::parse(include_str!("../../../template.yaml")).unwrap()
}

fn portal(set: &[(&str, &str)]) -> anyhow::Result<PortalDefinition> {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    resolve(&template(), "guichet-3000", 3000, &set)
}

#[test]
fn function_environment_is_that_of_the_template() {
    let portal = portal(&[]).unwrap();
    let register = portal.stack.functions.iter().find(|function| function.name == "register").unwrap();
    assert_eq!(register.logical_id, "RegisterFunction");
    assert_eq!(register.timeout, Duration::from_secs(10));
    assert_eq!(register.memory, 128);
    assert_eq!(register.log_format, "JSON");
    assert_eq!(register.variables["PORTAL_URL"], "http://localhost:3000");
    assert_eq!(register.variables["MANAGED_NETWORKS"], "127.0.0.1/32,::1/128");
    assert_eq!(register.variables["MAIL_REQUESTS_TABLE"], "guichet-3000-MailRequests");
    assert_eq!(
        register.variables["PSEUDONYM_SECRET"],
        "arn:aws:secretsmanager:ca-central-1:000000000000:secret:guichet-3000-PseudonymSecret"
    );
    assert!(!register.variables.contains_key("CREDENTIALS_TABLE"));
    let login = portal.stack.functions.iter().find(|function| function.name == "login").unwrap();
    assert_eq!(login.memory, 192);
    let mailer = portal.stack.functions.iter().find(|function| function.name == "mailer").unwrap();
    assert_eq!(mailer.timeout, Duration::from_secs(30));
}

#[test]
fn routes_come_from_function_events() {
    let portal = portal(&[]).unwrap();
    let routes: Vec<String> =
        portal.stack.routes.iter().map(|route| format!("{} {} {}", route.method, route.path, route.function)).collect();
    assert!(routes.contains(&"POST /api/reset/check reset".to_owned()));
    assert!(routes.contains(&"DELETE /api/sessions/{id} session".to_owned()));
}

#[test]
fn mailer_is_invoked_by_stream_and_schedule() {
    let portal = portal(&[]).unwrap();
    let [mapping] = &portal.stack.event_source_mappings[..] else { panic!("{:?}", portal.stack.event_source_mappings) };
    assert_eq!((mapping.function.as_str(), mapping.table.as_str()), ("mailer", "guichet-3000-MailRequests"));
    assert_eq!(
        (mapping.batch_size, mapping.max_retries, mapping.max_record_age),
        (10, Some(1), Some(Duration::from_mins(1)))
    );
    assert_eq!(mapping.event_names.as_deref(), Some(&["INSERT".to_owned()][..]));
    assert_eq!(portal.stack.schedules[0].interval, Duration::from_mins(1));
}

#[test]
fn table_definition_is_create_table_input() {
    let portal = portal(&[]).unwrap();
    let requests = portal.stack.tables.iter().find(|table| table.logical_id == "MailRequests").unwrap();
    assert_eq!(requests.create_table["TableName"], "guichet-3000-MailRequests");
    assert_eq!(requests.create_table["StreamSpecification"]["StreamEnabled"], true);
    assert_eq!(requests.create_table["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
    assert!(requests.create_table.get("DeletionProtectionEnabled").is_none());
    assert_eq!(requests.time_to_live.as_deref(), Some("ttl"));
    let credentials = portal.stack.tables.iter().find(|table| table.logical_id == "Credentials").unwrap();
    assert_eq!(credentials.time_to_live, None);
}

#[test]
fn page_headers_come_from_policy() {
    let headers: BTreeMap<String, String> = portal(&[]).unwrap().page_headers.into_iter().collect();
    assert!(headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert_eq!(headers["strict-transport-security"], "max-age=63072000; includeSubDomains");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
}

#[test]
fn api_headers_come_from_their_policy() {
    let headers: BTreeMap<String, String> = portal(&[]).unwrap().api_headers.into_iter().collect();
    assert_eq!(headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'; sandbox");
    assert_eq!(headers["cache-control"], "no-store");
}

#[test]
fn site_settings_come_from_parameters() {
    let portal = portal(&[("DeskName", "Centre d’aide"), ("DeskPortalUrl", "https://desk.example/")]).unwrap();
    let settings: Value = serde_json::from_str(&portal.site_settings).unwrap();
    assert_eq!(settings["deskName"], "Centre d’aide");
    assert_eq!(settings["deskPortalUrl"], "https://desk.example/");
    assert_eq!(portal.mail_from, "centre-de-services@guichet.example");
}

#[test]
fn parameter_is_validated_like_cloudformation() {
    let refused = |name: &str, value: &str| portal(&[(name, value)]).err().map(|error| format!("{error:#}")).unwrap();
    assert!(refused("PasswordMinLength", "3").contains("MinValue is 4"));
    assert!(refused("PasswordMinLength", "many").contains("must be a number"));
    assert!(refused("PasswordNeedsLetterAndDigit", "oui").contains("true or false"));
    assert!(refused("PortalUrl", "http://localhost:3000/").contains("without a path"));
    assert!(refused("NoSuch", "1").contains("no such parameter"));
}

#[test]
fn edge_code_in_template_equals_edge_js() {
    let code =
        template().json()["Resources"]["EdgeFunction"]["Properties"]["FunctionCode"].as_str().unwrap().to_owned();
    assert_eq!(code.trim_end(), include_str!("../../../edge.js").trim_end(), "infra/edge.js and the template differ");
}

#[test]
fn template_grants_no_wildcards_or_scans() {
    let stack = portal(&[]).unwrap().stack;
    let statements: Vec<_> = stack.functions.iter().flat_map(|function| &function.policy).collect();
    assert!(stack.functions.iter().all(|function| !function.policy.is_empty()));
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
        // A read without a projection names no attribute, so `ForAllValues` holds for it. Only `Select` can deny it.
        let has = |key: &str| statement.conditions.iter().any(|one| one.key == key && !one.if_exists);
        let reads =
            statement.actions.iter().any(|action| ["GetItem", "Query"].iter().any(|read| action.ends_with(read)));
        assert!(!reads || !has("dynamodb:Attributes") || has("dynamodb:Select"), "{place}");
    }
}
