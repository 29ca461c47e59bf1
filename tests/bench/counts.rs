//! Work that is counted: what a story costs in calls, capacity units and bytes, whoever runs it and however fast.

use crate::aws::{Call, Mode, one_after_the_other};
use crate::ground::{Ground, packaged, set, sign_in};
use crate::lambda::{Instance, event};
use serde_json::{Value, json};
use std::io::Write;

/// What one step of the story did.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    pub step: &'static str,
    /// Calls that had to wait for each other.
    pub round_trips: usize,
    pub calls: Vec<String>,
    pub read_units: f64,
    pub write_units: f64,
    pub bytes: usize,
}

/// Of each step that a person waits for, the most round trips: those to reach, and those of today, of which there may be
/// no more.
pub const MOST: [(&str, usize, usize); 6] = [
    ("register", 2, 1),
    ("request-reset", 2, 1),
    // Whose link it is stands with the link, so their credentials are read after it.
    ("check", 1, 2),
    ("reset", 3, 3),
    ("login", 4, 4),
    ("session", 1, 1),
];

/// Bytes of a zipped function, to reach.
pub const LARGEST: u64 = 2_500_000;

/// The most that it may have.
pub fn largest(function: &str) -> u64 {
    match function {
        // What hashes is made for speed.
        "login" => 2_800_000,
        // And half a megabyte of passwords that are too common.
        "password" | "reset" => 3_200_000,
        _ => LARGEST,
    }
}

/// The story of one person among so many: register, set the password, sign in, forget it.
pub fn story(people: usize) -> Vec<Work> {
    let ground = Ground::with(people);
    // Everybody is awake: what a start costs is told elsewhere.
    ground.settle("p1");
    let [register, request_reset, mailer, mail_events, reset, login, session] =
        ["register", "request-reset", "mailer", "mail-events", "reset", "login", "session"]
            .map(|name| ground.start(name));
    let wake = json!({ "account": "" });
    for (instance, route) in [
        (&register, "POST /api/register"),
        (&request_reset, "POST /api/request-reset"),
        (&reset, "POST /api/reset/check"),
        (&login, "POST /api/login"),
        (&session, "GET /api/session"),
    ] {
        instance.answer_to(&event(route, &wake, None));
    }
    mailer.answer_to(&json!({ "Records": [] }));
    mail_events.answer_to(&json!({}));
    ground.aws.calls();
    ground.aws.answers(Mode::Late);
    let mut work = Vec::new();
    let mut done = |step| work.push(told(step, ground.aws.calls()));
    let ask = |instance: &Instance, route: &str, body: Value, bearer: Option<&str>, expected: u64| {
        let (status, answer, _) = instance.invoke(&event(route, &body, bearer));
        assert_eq!(status, expected, "{route}: {answer}");
        answer
    };

    ask(&register, "POST /api/register", json!({ "account": "p0" }), None, 202);
    done("register");
    let token = ground.mail(&mailer, "p0").expect("a link");
    done("mailer: link");
    ask(&reset, "POST /api/reset/check", json!({ "token": token }), None, 200);
    done("check");
    ask(&reset, "POST /api/reset", set(&token), None, 204);
    done("reset");
    ground.mail(&mailer, "p0");
    done("mailer: notice");
    ground.delivered(&mail_events, "p0");
    done("mail-events");
    let ticket = ask(&login, "POST /api/login", sign_in("p0"), None, 200)["token"].as_str().map(str::to_owned);
    done("login");
    ask(&session, "GET /api/session", Value::Null, ticket.as_deref(), 200);
    done("session");
    ask(&request_reset, "POST /api/request-reset", json!({ "account": "p0" }), None, 202);
    done("request-reset");
    work
}

fn told(step: &'static str, calls: Vec<Call>) -> Work {
    let mut names: Vec<_> = calls.iter().map(|call| call.operation.clone()).collect();
    names.sort();
    Work {
        step,
        round_trips: one_after_the_other(&calls),
        read_units: calls.iter().map(|call| call.read).sum(),
        write_units: calls.iter().map(|call| call.write).sum(),
        bytes: calls.iter().map(|call| call.bytes).sum(),
        calls: names,
    }
}

/// The bytes of each function as it is uploaded: zipped, as good as everybody's zip does it.
pub fn packages(functions: &[String]) -> Vec<(String, u64)> {
    let zipped = |name: &String| {
        let program = std::fs::read(packaged(name)).expect("`cargo admin package` was run");
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&program).expect("it is packed");
        (name.clone(), packer.finish().expect("it is packed").len() as u64)
    };
    functions.iter().map(zipped).collect()
}
