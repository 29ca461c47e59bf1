//! Session checks, sign-out, and revocation by the service desk.

use super::{Model, NAMES, QUARTER, Revoked};
use crate::world::{ApiRequest, Fault};
use guichet_domain::account::AccountName;
use serde_json::Value;

impl Model {
    pub(super) async fn get_session(&mut self, session: usize, fault: Option<&Fault>) {
        let Some((at, response)) = self.send_with_session("GET /api/session", session, fault).await else { return };
        let Some((status, body)) = response else { return };
        let now = self.world.now();
        let session = &mut self.sessions[at];
        let user = &self.users[session.user];
        let is_valid = user.active && session.version == user.version && now < session.expires_at;
        match status {
            200 => {
                assert!(is_valid && session.revoked != Revoked::Yes, "I5: an ended session is accepted: {body}");
                (session.last_used, session.revoked) = (now, Revoked::No);
            }
            401 => {
                let is_fresh = now < session.last_used + QUARTER && session.revoked == Revoked::No;
                assert!(!(is_valid && is_fresh), "a valid session is refused");
                session.revoked = Revoked::Yes;
            }
            _ => panic!("GET /api/session: {status} {body}"),
        }
    }

    pub(super) async fn sign_out(&mut self, session: usize, fault: Option<&Fault>) {
        let Some((at, response)) = self.send_with_session("DELETE /api/session", session, fault).await else { return };
        let revoked = &mut self.sessions[at].revoked;
        match response {
            Some((status, body)) => {
                assert_eq!(status, 204, "DELETE /api/session: {body}");
                *revoked = Revoked::Yes;
            }
            None if *revoked == Revoked::No => *revoked = Revoked::Maybe,
            None => {}
        }
    }

    /// The session's position and the response, if there is any session.
    async fn send_with_session(
        &mut self,
        route: &str,
        session: usize,
        fault: Option<&Fault>,
    ) -> Option<(usize, Option<(u16, Value)>)> {
        let at = session.checked_rem(self.sessions.len())?;
        let bearer = Some(self.sessions[at].token.as_str());
        let request = ApiRequest { route, untrusted: false, bearer, body: Value::Null };
        let completed = self.world.send(fault, &[request]).await;
        Some((at, self.single_response(&completed)))
    }

    pub(super) async fn revoke_sessions(&mut self, user: usize, fault: Option<&Fault>) {
        let credentials = self.credentials();
        let account = AccountName::parse(NAMES[user]).expect("a name");
        let completed = self.world.invoke(fault, credentials.revoke_all(&account, false)).await;
        self.fault_injected |= completed.fault_injected;
        let (version, _) = self.stored_status(user);
        let user = &mut self.users[user];
        // The SDK may retry a call that was executed but whose response was lost.
        let allowed = if completed.fault_injected { 0..=3 } else { 1..=1 };
        assert!(allowed.contains(&(version - user.version)), "version {} became {version}", user.version);
        user.version = version;
    }
}
