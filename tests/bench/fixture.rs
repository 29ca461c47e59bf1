//! What the measurements run on: the template's tables with accounts in them, and the functions with their Lambda
//! environment.

use crate::aws::FakeAws;
use crate::lambda::{FunctionProcess, event};
use guichet_cfn::template::{Function, StackDefinition};
use guichet_local::portal_template;
use guichet_tests::{dynamodb, workspace};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const PASSWORD: &str = "oie7";
/// Maximum of `BatchWriteItem`.
const BATCH: usize = 25;

pub struct Fixture {
    pub aws: FakeAws,
    stack: StackDefinition,
}

impl Fixture {
    /// With accounts `p0`, `p1`, ….
    pub fn with_accounts(count: usize) -> Self {
        let file = workspace().join("infra/template.yaml");
        let template = portal_template::read(&file, "bench", 3000, &BTreeMap::new());
        let fixture = Self { aws: FakeAws::new(), stack: template.expect("the template").stack };
        for table in &fixture.stack.tables {
            let definition = serde_json::from_value(table.create_table.clone()).expect("a table");
            fixture.aws.database.create_table(definition).expect("a table");
        }
        let (directory, credentials) = (fixture.table("Directory"), fixture.table("Credentials"));
        for start in (0..count).step_by(BATCH) {
            let batch = start..count.min(start + BATCH);
            let put = |item: Value| json!({ "PutRequest": { "Item": item } });
            for (table, items) in [
                (&directory, batch.clone().map(directory_entry).map(put).collect::<Vec<_>>()),
                (&credentials, batch.clone().map(credential).map(put).collect()),
            ] {
                let call = json!({ "RequestItems": { table: items } }).to_string();
                let (status, response) = dynamodb(&fixture.aws.database, "BatchWriteItem", call.as_bytes());
                assert_eq!(status, 200, "{response}");
            }
        }
        fixture
    }

    /// The physical name of a table.
    pub fn table(&self, logical_id: &str) -> String {
        let table = self.stack.tables.iter().find(|table| table.logical_id == logical_id).expect("a table");
        table.create_table["TableName"].as_str().expect("a name").to_owned()
    }

    pub fn function(&self, name: &str) -> &Function {
        self.stack.functions.iter().find(|function| function.name == name).expect("a function of the template")
    }

    pub fn functions(&self) -> &[Function] {
        &self.stack.functions
    }

    /// A program with the Lambda environment of this function.
    pub fn command(&self, program: &Path, function: &str) -> Command {
        let function = self.function(function);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs([
                ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_LOG_FORMAT", function.log_format.as_str()),
                ("AWS_REGION", portal_template::REGION),
                ("AWS_ENDPOINT_URL", self.aws.url.as_str()),
                ("AWS_ACCESS_KEY_ID", function.logical_id.as_str()),
                ("AWS_SECRET_ACCESS_KEY", "local"),
            ])
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string())
            .envs(&function.variables)
            // Keeps the circuit breaker closed.
            .envs([
                ("UNTRUSTED_FAILURES_PER_HOUR", "1000000"),
                ("UNTRUSTED_FAILURES_PER_DAY", "1000000"),
                ("MANAGED_NETWORKS", "10.0.0.0/8"),
            ]);
        command
    }

    /// Starts a packaged function.
    pub fn start(&self, function: &str) -> FunctionProcess {
        FunctionProcess::start(&mut self.command(&packaged_binary(function), function))
    }

    /// Invokes the mailer with the pending requests. Returns the token of the last link that it mailed to this account.
    pub fn run_mailer(&self, mailer: &FunctionProcess, account: &str) -> Option<String> {
        let scan = json!({ "TableName": self.table("MailRequests"), "ConsistentRead": true }).to_string();
        let (_, found) = dynamodb(&self.aws.database, "Scan", scan.as_bytes());
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let pending = found["Items"].as_array().expect("items").iter().filter(|item| item["status"]["S"] == "pending");
        let record = |item: &Value| {
            let keys = json!({ "account_key": item["account_key"], "request": item["request"] });
            json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys } })
        };
        mailer.invoke_raw(&json!({ "Records": pending.map(record).collect::<Vec<_>>() }));
        let mail = self.aws.mail_to(&address(account))?;
        let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str()?;
        let link = text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"))?;
        link.rsplit('#').next().map(str::to_owned)
    }

    /// Invokes `mail-events` with the SES delivery event of the last mail to this account.
    pub fn report_delivery(&self, mail_events: &FunctionProcess, account: &str) {
        let mail = self.aws.mail_to(&address(account)).expect("a mail");
        let tags = mail["EmailTags"].as_array().expect("tags").iter();
        let tags: Map<_, _> =
            tags.map(|tag| (tag["Name"].as_str().expect("a name").to_owned(), json!([tag["Value"]]))).collect();
        let at = "2026-11-27T12:00:00.000Z";
        mail_events.invoke_raw(&json!({ "source": "aws.ses", "detail": {
            "eventType": "Delivery", "mail": { "timestamp": at, "tags": tags }, "delivery": { "timestamp": at },
        } }));
    }

    /// Sets an account's password through its mailed link and signs in. Returns the session token.
    pub fn create_session(&self, account: &str) -> String {
        let (register, reset, login) = (self.start("register"), self.start("reset"), self.start("login"));
        let mailer = self.start("mailer");
        let (status, ..) = register.invoke(&event("POST /api/register", &json!({ "account": account }), None));
        assert_eq!(status, 202);
        let token = self.run_mailer(&mailer, account).expect("a link");
        let (status, ..) = reset.invoke(&event("POST /api/reset", &reset_form(&token), None));
        assert_eq!(status, 204);
        self.run_mailer(&mailer, account);
        let (status, response, _) = login.invoke(&event("POST /api/login", &sign_in_form(account), None));
        assert_eq!(status, 200);
        response["token"].as_str().expect("a session token").to_owned()
    }
}

/// Body of `POST /api/reset`.
pub fn reset_form(token: &str) -> Value {
    json!({ "token": token, "password": PASSWORD, "confirmation": PASSWORD })
}

/// Body of `POST /api/login`.
pub fn sign_in_form(account: &str) -> Value {
    json!({ "account": account, "password": PASSWORD, "transport": "bearer" })
}

/// A function's binary as `cargo admin package` builds it.
pub fn packaged_binary(function: &str) -> PathBuf {
    workspace().join("target/lambda").join(function).join("bootstrap")
}

fn address(account: &str) -> String {
    format!("{account}@guichet.example")
}

fn directory_entry(number: usize) -> Value {
    json!({
        "account": { "S": format!("p{number}") },
        "email": { "S": address(&format!("p{number}")) },
        "given_name": { "S": "Prénom" },
        "family_name": { "S": format!("Nom{number}") },
        "language": { "S": "fr" },
        "active": { "BOOL": true },
        "shared_mailbox": { "BOOL": false },
        "folded_name": { "S": format!("nom{number}|prenom") },
        "email_hash": { "S": format!("{number:043}") },
    })
}

fn credential(number: usize) -> Value {
    json!({
        "account": { "S": format!("p{number}") },
        "version": { "N": "1" },
        "active": { "BOOL": true },
        "given_name": { "S": "Prénom" },
        "family_name": { "S": format!("Nom{number}") },
        "preferred_language": { "S": "fr" },
    })
}
