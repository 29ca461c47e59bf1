//! What a user's steps cost in AWS calls, capacity units, and bytes. Independent of the machine and its speed.

use crate::aws::{AnswerMode, RecordedCall, sequential_round_trips};
use crate::fixture::{Fixture, packaged_binary, reset_form, sign_in_form};
use crate::lambda::{FunctionProcess, event};
use serde_json::{Value, json};
use std::io::Write;

#[derive(Clone, Debug, PartialEq)]
pub struct StepCost {
    pub step: &'static str,
    /// Calls that had to wait for each other.
    pub round_trips: usize,
    pub calls: Vec<String>,
    pub read_units: f64,
    pub write_units: f64,
    pub bytes: usize,
}

/// Sequential round trips of each step that a user waits for.
pub struct RoundTrips {
    pub step: &'static str,
    pub target: usize,
    /// Exceeding it fails `call_counts`.
    pub limit: usize,
}

pub const ROUND_TRIPS: [RoundTrips; 6] = [
    RoundTrips { step: "register", target: 2, limit: 1 },
    RoundTrips { step: "request-reset", target: 2, limit: 1 },
    // The token is random and does not name its account, so the credentials can be read only after the token.
    RoundTrips { step: "check", target: 1, limit: 2 },
    RoundTrips { step: "reset", target: 3, limit: 3 },
    RoundTrips { step: "login", target: 4, limit: 4 },
    RoundTrips { step: "session", target: 1, limit: 1 },
];

/// Bytes of a zipped function.
pub const PACKAGE_TARGET: u64 = 2_500_000;

/// Exceeding it fails `call_counts`.
pub fn package_limit(function: &str) -> u64 {
    match function {
        // Built for speed, because it hashes.
        "login" => 2_800_000,
        // The same, and half a megabyte of common passwords.
        "password" | "reset" => 3_200_000,
        _ => PACKAGE_TARGET,
    }
}

/// The costs of one user who registers, sets a password, signs in, and forgets the password, in a directory of this many
/// accounts.
pub fn user_journey(accounts: usize) -> Vec<StepCost> {
    let fixture = Fixture::with_accounts(accounts);
    // Warm everything up: `cold_starts` measures the first events.
    fixture.create_session("p1");
    let [register, request_reset, mailer, mail_events, reset, login, session] =
        ["register", "request-reset", "mailer", "mail-events", "reset", "login", "session"]
            .map(|name| fixture.start(name));
    let invalid = json!({ "account": "" });
    for (function, route) in [
        (&register, "POST /api/register"),
        (&request_reset, "POST /api/request-reset"),
        (&reset, "POST /api/reset/check"),
        (&login, "POST /api/login"),
        (&session, "GET /api/session"),
    ] {
        function.invoke_raw(&event(route, &invalid, None));
    }
    mailer.invoke_raw(&json!({ "Records": [] }));
    mail_events.invoke_raw(&json!({}));
    fixture.aws.take_calls();
    fixture.aws.set_mode(AnswerMode::Delayed);
    let mut costs = Vec::new();
    let mut step = |name| costs.push(cost(name, &fixture.aws.take_calls()));
    let call = |function: &FunctionProcess, route: &str, body: Value, bearer: Option<&str>, expected: u64| {
        let (status, response, _) = function.invoke(&event(route, &body, bearer));
        assert_eq!(status, expected, "{route}: {response}");
        response
    };

    call(&register, "POST /api/register", json!({ "account": "p0" }), None, 202);
    step("register");
    let token = fixture.run_mailer(&mailer, "p0").expect("a link");
    step("mailer: link");
    call(&reset, "POST /api/reset/check", json!({ "token": token }), None, 200);
    step("check");
    call(&reset, "POST /api/reset", reset_form(&token), None, 204);
    step("reset");
    fixture.run_mailer(&mailer, "p0");
    step("mailer: notice");
    fixture.report_delivery(&mail_events, "p0");
    step("mail-events");
    let token = call(&login, "POST /api/login", sign_in_form("p0"), None, 200)["token"].as_str().map(str::to_owned);
    step("login");
    call(&session, "GET /api/session", Value::Null, token.as_deref(), 200);
    step("session");
    call(&request_reset, "POST /api/request-reset", json!({ "account": "p0" }), None, 202);
    step("request-reset");
    costs
}

fn cost(step: &'static str, calls: &[RecordedCall]) -> StepCost {
    let mut names: Vec<_> = calls.iter().map(|call| call.operation.clone()).collect();
    names.sort();
    StepCost {
        step,
        round_trips: sequential_round_trips(calls),
        read_units: calls.iter().map(|call| call.read_units).sum(),
        write_units: calls.iter().map(|call| call.write_units).sum(),
        bytes: calls.iter().map(|call| call.bytes).sum(),
        calls: names,
    }
}

/// Bytes of each function's binary, compressed as in a zip file at the default level.
pub fn package_sizes(functions: &[String]) -> Vec<(String, u64)> {
    let size = |name: &String| {
        let binary = std::fs::read(packaged_binary(name)).expect("run `cargo admin package` first");
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&binary).expect("compression");
        (name.clone(), encoder.finish().expect("compression").len() as u64)
    };
    functions.iter().map(size).collect()
}
