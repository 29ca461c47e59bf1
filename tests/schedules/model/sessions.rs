//! Sessions: who is signed in, and for how long.

use super::{NAMES, Over, Play, QUARTER};
use crate::world::{Call, Fault};
use guichet_domain::account::AccountName;
use serde_json::Value;

impl Play {
    /// A session as it should be, beside what is answered to who bears it.
    pub(super) async fn visit(&mut self, session: usize, fault: Option<&Fault>) {
        let Some(at) = session.checked_rem(self.sessions.len()) else { return };
        let call = Call {
            route: "GET /api/session",
            outside: false,
            bearer: Some(&self.sessions[at].token),
            body: Value::Null,
        };
        let came = self.world.ask(fault, &[call]).await;
        let Some((status, said)) = self.answer(&came) else { return };
        let now = self.world.now();
        let session = &mut self.sessions[at];
        let person = &self.people[session.who];
        let good = person.active && session.version == person.version && now < session.ends_at;
        match status {
            200 => {
                assert!(good && session.over != Over::Yes, "I5: a session that is over: {said}");
                (session.last_used, session.over) = (now, Over::No);
            }
            401 => {
                let is_fresh = now < session.last_used + QUARTER && session.over == Over::No;
                assert!(!(good && is_fresh), "a good session is refused");
                session.over = Over::Yes;
            }
            _ => panic!("a session: {status} {said}"),
        }
    }

    pub(super) async fn sign_out(&mut self, session: usize, fault: Option<&Fault>) {
        let Some(at) = session.checked_rem(self.sessions.len()) else { return };
        let call = Call {
            route: "DELETE /api/session",
            outside: false,
            bearer: Some(&self.sessions[at].token),
            body: Value::Null,
        };
        let came = self.world.ask(fault, &[call]).await;
        let answer = self.answer(&came);
        let over = &mut self.sessions[at].over;
        match answer {
            Some((status, said)) => {
                assert_eq!(status, 204, "sign-out: {said}");
                *over = Over::Yes;
            }
            None if *over == Over::No => *over = Over::Perhaps,
            None => {}
        }
    }

    pub(super) async fn end_sessions(&mut self, who: usize, fault: Option<&Fault>) {
        let credentials = self.credentials();
        let account = AccountName::parse(NAMES[who]).expect("a name");
        let came = self.world.invoke(fault, credentials.revoke_all(&account, false)).await;
        self.harmed |= came.fired;
        let (version, _) = self.standing(who);
        let person = &mut self.people[who];
        let allowed = if came.fired { 0..=3 } else { 1..=1 };
        assert!(allowed.contains(&(version - person.version)), "{} to {version}", person.version);
        person.version = version;
    }
}
