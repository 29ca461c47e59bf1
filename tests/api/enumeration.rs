//! Account enumeration: nothing reveals whether an account exists, neither bodies, statuses, headers, cookies, nor
//! limits. `tests/stack/timing.rs` measures the time.

use guichet_tests::{ApiResponse, Person, Setup, Visitor};

const ROUTES: [&str; 3] = ["register", "request-reset", "login"];

async fn send(visitor: &Visitor, route: &str, account: &str) -> ApiResponse {
    match route {
        "register" => visitor.register(account).await,
        "request-reset" => visitor.request_reset(account).await,
        _ => visitor.sign_in(account, "faux1").await,
    }
}

/// A response without its date. `Retry-After` counts down, so it is rounded to minutes.
fn comparable(answer: &ApiResponse) -> String {
    let mut headers: Vec<_> = answer.headers.iter().filter(|(name, _)| *name != "date").collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    let text = headers.iter().map(|(name, value)| match (name.as_str(), value.to_str().expect("text")) {
        ("retry-after", seconds) => format!("{name}: about {}\n", (seconds.parse::<u32>().expect("seconds") + 30) / 60),
        (_, value) => format!("{name}: {value}\n"),
    });
    format!("{}\n{}\n{}", answer.status, text.collect::<String>(), answer.text)
}

#[tokio::test]
async fn enumeration_by_responses_and_limits_is_impossible() {
    let portal = Setup::new().start();
    let (known, unset, visitor) = (Person::new(), Person::new(), portal.visitor());
    portal.visitor().sign_up(&portal, &known, "oie7").await;
    portal.clear_limits().await;
    let names = [&known.account, &unset.account, "inactif", "sanscourriel", "partage1", "personne-ne-porte-ce-nom"];
    for route in ROUTES {
        let mut last = String::new();
        // One more than either limit allows.
        for round in 0..6 {
            let mut answers = Vec::new();
            for name in names {
                // All spellings of a name share one limit.
                let input = if round % 2 == 0 { name.to_owned() } else { format!(" RESEAU\\{} ", name.to_uppercase()) };
                answers.push(comparable(&send(&visitor, route, &input).await));
            }
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{route}, round {round}: {answers:#?}");
            assert!(!answers[0].contains("set-cookie"), "{route}: {}", answers[0]);
            last.clone_from(&answers[0]);
            portal.leave_dedup_window().await;
        }
        assert!(last.contains("too-many-attempts") && last.contains("retry-after"), "{route}: {last}");

        let long = |name: &str| format!("{name}{}", "a".repeat(65));
        let invalid = [long(&known.account), long("personne"), format!("{}\0", known.account), "personne\0".to_owned()];
        for input in &invalid {
            assert_eq!(
                comparable(&send(&visitor, route, input).await),
                comparable(&send(&visitor, route, "é").await),
                "{input:?}"
            );
        }
    }
}
