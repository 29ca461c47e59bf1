//! What is measured stands on this: the template's tables with people in them, and the functions with the environment that
//! Lambda gives them.

use crate::aws::Aws;
use crate::lambda::{Instance, event};
use guichet_cfn::template::{Function, StackDefinition};
use guichet_local::portal_template;
use guichet_tests::{dynamodb, workspace};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The password of the first person.
pub const PASSWORD: &str = "oie7";
/// Puts of one batch.
const BATCH: usize = 25;

pub struct Ground {
    pub aws: Aws,
    system: StackDefinition,
}

impl Ground {
    /// With so many people, `p0` and on.
    pub fn with(people: usize) -> Self {
        let file = workspace().join("infra/template.yaml");
        let system = portal_template::read(&file, "bench", 3000, &BTreeMap::new());
        let ground = Self { aws: Aws::new(), system: system.expect("the template").stack };
        for table in &ground.system.tables {
            let definition = serde_json::from_value(table.create_table.clone()).expect("a table");
            ground.aws.database.create_table(definition).expect("a table");
        }
        let (directory, credentials) = (ground.table("Directory"), ground.table("Credentials"));
        for begin in (0..people).step_by(BATCH) {
            let some = begin..people.min(begin + BATCH);
            let put = |item: Value| json!({ "PutRequest": { "Item": item } });
            for (table, items) in [
                (&directory, some.clone().map(entry).map(put).collect::<Vec<_>>()),
                (&credentials, some.clone().map(credential).map(put).collect()),
            ] {
                let call = json!({ "RequestItems": { table: items } }).to_string();
                let (status, answer) = dynamodb(&ground.aws.database, "BatchWriteItem", call.as_bytes());
                assert_eq!(status, 200, "{answer}");
            }
        }
        ground
    }

    /// The physical name of a table.
    pub fn table(&self, logical: &str) -> String {
        let table = self.system.tables.iter().find(|table| table.logical_id == logical).expect("a table");
        table.create_table["TableName"].as_str().expect("a name").to_owned()
    }

    /// A function of the template.
    pub fn function(&self, name: &str) -> &Function {
        self.system.functions.iter().find(|function| function.name == name).expect("a function of the template")
    }

    /// All functions of the template.
    pub fn functions(&self) -> &[Function] {
        &self.system.functions
    }

    /// A program with the environment of this function.
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
            // Nobody is found guessing here.
            .envs([
                ("UNTRUSTED_FAILURES_PER_HOUR", "1000000"),
                ("UNTRUSTED_FAILURES_PER_DAY", "1000000"),
                ("MANAGED_NETWORKS", "10.0.0.0/8"),
            ]);
        command
    }

    /// A process of a function as it is deployed.
    pub fn start(&self, function: &str) -> Instance {
        Instance::start(&mut self.command(&packaged(function), function))
    }

    /// Lets the mailer take what was asked for since, and gives the token of the link that it mailed to this
    /// account.
    pub fn mail(&self, mailer: &Instance, account: &str) -> Option<String> {
        let scan = json!({ "TableName": self.table("MailRequests"), "ConsistentRead": true }).to_string();
        let (_, found) = dynamodb(&self.aws.database, "Scan", scan.as_bytes());
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let pending = found["Items"].as_array().expect("items").iter().filter(|item| item["status"]["S"] == "pending");
        let record = |item: &Value| {
            let keys = json!({ "account_key": item["account_key"], "request": item["request"] });
            json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys } })
        };
        mailer.answer_to(&json!({ "Records": pending.map(record).collect::<Vec<_>>() }));
        let mail = self.aws.mail_to(&address(account))?;
        let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str()?;
        let link = text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"))?;
        link.rsplit('#').next().map(str::to_owned)
    }

    /// SES tells that the last mail to an account arrived.
    pub fn delivered(&self, mail_events: &Instance, account: &str) {
        let mail = self.aws.mail_to(&address(account)).expect("a mail");
        let tags = mail["EmailTags"].as_array().expect("tags").iter();
        let tags: Map<_, _> =
            tags.map(|tag| (tag["Name"].as_str().expect("a name").to_owned(), json!([tag["Value"]]))).collect();
        let at = "2026-11-27T12:00:00.000Z";
        mail_events.answer_to(&json!({ "source": "aws.ses", "detail": {
            "eventType": "Delivery", "mail": { "timestamp": at, "tags": tags }, "delivery": { "timestamp": at },
        } }));
    }

    /// Sets the password of an account through its mailed link, and signs it in: a session.
    pub fn settle(&self, account: &str) -> String {
        let (register, reset, login) = (self.start("register"), self.start("reset"), self.start("login"));
        let mailer = self.start("mailer");
        let (status, ..) = register.invoke(&event("POST /api/register", &json!({ "account": account }), None));
        assert_eq!(status, 202);
        let token = self.mail(&mailer, account).expect("a link");
        let (status, ..) = reset.invoke(&event("POST /api/reset", &set(&token), None));
        assert_eq!(status, 204);
        self.mail(&mailer, account);
        let (status, answer, _) = login.invoke(&event("POST /api/login", &sign_in(account), None));
        assert_eq!(status, 200);
        answer["token"].as_str().expect("a ticket").to_owned()
    }
}

/// What `/api/reset` takes.
pub fn set(token: &str) -> Value {
    json!({ "token": token, "password": PASSWORD, "confirmation": PASSWORD })
}

/// What `/api/login` takes.
pub fn sign_in(account: &str) -> Value {
    json!({ "account": account, "password": PASSWORD, "transport": "bearer" })
}

/// A function's program as `cargo admin package` leaves it.
pub fn packaged(function: &str) -> PathBuf {
    workspace().join("target/lambda").join(function).join("bootstrap")
}

fn address(account: &str) -> String {
    format!("{account}@guichet.example")
}

fn entry(number: usize) -> Value {
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
