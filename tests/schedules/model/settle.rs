//! The end of a schedule.

use super::{A_WHILE, ENDS, NAMES, PATIENCE, Play, number, text};
use crate::world::Call;
use serde_json::{Value, json};

impl Play {
    /// Nothing goes wrong any more: all comes to its end, and what has to hold at the end holds.
    pub async fn settle(mut self) {
        let under_way = |play: &Self| {
            let items = play.world.items("MailRequests");
            items.iter().any(|item| ["pending", "sending"].contains(&text(&item["status"])))
        };
        for _ in 0..PATIENCE {
            if !under_way(&self) {
                break;
            }
            self.world.pass(A_WHILE);
            self.mail(&[json!({ "source": "aws.events" })], None).await;
        }
        let (requests, tokens) = (self.world.items("MailRequests"), self.world.items("Tokens"));
        for request in &requests {
            let status = text(&request["status"]);
            assert!(ENDS.contains(&status) && request.get("requested_account").is_none(), "I1: {request}");
            assert!(status != "failed" || (self.harmed && request.get("reason").is_some()), "I1: {request}");
        }
        for (who, person) in self.people.iter().enumerate() {
            let of = |item: &&Value| text(&item["account"]) == NAMES[who];
            let notices = requests.iter().filter(of).filter(|item| text(&item["kind"]) == "notice").count() as u64;
            assert_eq!(notices, person.sets, "I4: the notices of {}", NAMES[who]);
            let mut used: Vec<_> = tokens
                .iter()
                .filter(of)
                .filter(|it| it.get("used_at").is_some())
                .map(|it| number(&it["version"]))
                .collect();
            let all = used.len() as u64;
            used.dedup();
            used.sort_unstable();
            assert_eq!(used.len() as u64, all, "I3: two links of one version are used");
            assert!(
                all == person.sets || self.swept && all < person.sets,
                "I4: {all} links for {} changes",
                person.sets
            );
        }
        for at in 0..self.sessions.len() {
            self.visit(at, None).await;
        }
        for link in &self.links {
            let body = json!({ "token": link.token });
            let call = Call { route: "POST /api/reset/check", outside: false, bearer: None, body };
            let came = self.world.ask(None, &[call]).await;
            let (status, said) = came.answer.expect("an answer")[0].clone();
            assert_eq!(status == 200, self.is_good(link), "I2, I9: a link is answered {status} {said}");
        }
    }
}
