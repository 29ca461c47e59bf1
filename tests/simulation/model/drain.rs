//! The end of a sequence: no more faults, all mail requests reach a final state, and the final invariants hold.

use super::{FINAL_STATES, Model, NAMES, number, text};
use crate::world::ApiRequest;
use serde_json::{Value, json};

/// Longer than a mailer's lease and its longest backoff, in seconds.
const STEP: u64 = 65;
const MAX_STEPS: u32 = 14;

impl Model {
    pub async fn drain(mut self) {
        for _ in 0..MAX_STEPS {
            let requests = self.world.items("MailRequests");
            if requests.iter().all(|item| FINAL_STATES.contains(&text(&item["status"]))) {
                break;
            }
            self.world.advance_clock(STEP);
            self.mail(&[json!({ "source": "aws.events" })], None).await;
        }
        let (requests, tokens) = (self.world.items("MailRequests"), self.world.items("Tokens"));
        for request in &requests {
            let status = text(&request["status"]);
            assert!(FINAL_STATES.contains(&status) && request.get("requested_account").is_none(), "I1: {request}");
            assert!(status != "failed" || (self.fault_injected && request.get("reason").is_some()), "I1: {request}");
        }
        for (name, user) in NAMES.iter().zip(&self.users) {
            let is_theirs = |item: &&Value| text(&item["account"]) == *name;
            let notices = requests.iter().filter(is_theirs).filter(|item| text(&item["kind"]) == "notice").count();
            assert_eq!(notices as u64, user.password_changes, "I4: the notices of {name}");
            let redeemed = tokens.iter().filter(is_theirs).filter(|item| item.get("used_at").is_some());
            let mut versions: Vec<_> = redeemed.map(|item| number(&item["version"])).collect();
            let count = versions.len() as u64;
            versions.sort_unstable();
            versions.dedup();
            assert_eq!(versions.len() as u64, count, "I3: two links of one version are redeemed");
            assert!(
                count == user.password_changes || self.deleted_expired && count < user.password_changes,
                "I4: {count} redeemed links for {} password changes",
                user.password_changes
            );
        }
        for session in 0..self.sessions.len() {
            self.get_session(session, None).await;
        }
        for link in &self.links {
            let body = json!({ "token": link.token });
            let request = ApiRequest { route: "POST /api/reset/check", untrusted: false, bearer: None, body };
            let completed = self.world.send(None, &[request]).await;
            let (status, body) = completed.result.expect("a response")[0].clone();
            assert_eq!(status == 200, self.is_redeemable(link), "I2, I9: the link gets {status} {body}");
        }
    }
}
