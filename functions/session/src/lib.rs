//! The current session, the active sessions, and the security events of an account; sign-out. The account is always
//! that of the session, never one that the client names.

use guichet_domain::event::EventKind;
use guichet_domain::keys::AccountPseudonym;
use guichet_domain::secret::SessionKeyHash;
use guichet_domain::session::AuthenticatedSession;
use guichet_http::{
    ApiError, Caller, Response, Site, json, no_content, path_parameter, route, signed_out, with_content_language,
};
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::log::error_chain;
use guichet_platform::secrets::{KeySecret, NEVER_REFRESH};
use guichet_store::credentials::Credentials;
use guichet_store::events::Events;
use guichet_store::sessions::Sessions;
use lambda_http::{Request, tracing};
use serde_json::json;
use std::sync::Arc;

pub struct Context {
    site: Site,
    pseudonym_keys: KeySecret,
    sessions: Sessions,
    credentials: Credentials,
    events: Events,
}

impl Context {
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (site, pseudonym_keys) =
            tokio::try_join!(Site::from_env(aws), KeySecret::from_env(aws, "PSEUDONYM_SECRET", NEVER_REFRESH))?;
        Ok(Self {
            site,
            pseudonym_keys,
            sessions: Sessions::from_env(&aws.dynamodb)?,
            credentials: Credentials::from_env(&aws.dynamodb)?,
            events: Events::from_env(&aws.dynamodb)?,
        })
    }

    async fn authenticate(&self, caller: &Caller) -> Result<AuthenticatedSession, ApiError> {
        let (token, transport) = caller.require_session_token()?;
        let session = self.sessions.authenticate(&self.credentials, token, transport, caller.now).await?;
        session.ok_or(ApiError::NotSignedIn)
    }

    /// Also extends the idle timeout.
    async fn use_session(&self, caller: &Caller) -> Result<AuthenticatedSession, ApiError> {
        let mut authenticated = self.authenticate(caller).await?;
        self.sessions.touch(&mut authenticated.session, caller.now).await?;
        Ok(authenticated)
    }

    async fn account_key(
        &self,
        authenticated: &AuthenticatedSession,
        caller: &Caller,
    ) -> Result<AccountPseudonym, ApiError> {
        Ok(AccountPseudonym::new(&authenticated.session.account, &*self.pseudonym_keys.current(caller.now).await?))
    }

    /// A failure is logged only: the sessions have ended, and the client must learn that.
    async fn record(&self, authenticated: &AuthenticatedSession, caller: &Caller, kind: EventKind) {
        let recorded = async {
            let key = self.account_key(authenticated, caller).await?;
            tracing::info!(account.key = key.log_id(), event.kind = ?kind, "sessions ended");
            self.events.record(&key, &caller.event(kind)).await.map_err(ApiError::from)
        };
        if let Err(error) = recorded.await {
            tracing::error!(error.chain = error_chain(&error), "event not recorded");
        }
    }
}

/// The routes under `/api/session`, `/api/sessions`, and `/api/events`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(&request, &context.site).await?;
    match route(&request) {
        "GET /api/session" => show_session(&context, &caller).await,
        "DELETE /api/session" => sign_out(&context, &caller).await,
        "GET /api/sessions" => list_sessions(&context, &caller).await,
        "DELETE /api/sessions" => end_other_sessions(&context, &caller).await,
        "DELETE /api/sessions/{id}" => end_session(&context, &caller, &path_parameter(&request, "id")).await,
        "GET /api/events" => list_events(&context, &caller).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn show_session(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let AuthenticatedSession { session, name, preferred_language } = context.use_session(caller).await?;
    let response = json(&json!({
        "account": session.account,
        "name": name.display(),
        "signed_in_at": session.created_at.rfc3339(),
        "expires_at": session.expires_at().rfc3339(),
        "remember": session.remember,
    }));
    Ok(with_content_language(preferred_language, response))
}

async fn sign_out(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    match context.authenticate(caller).await {
        Ok(authenticated) => {
            context.sessions.revoke(&authenticated.session.account, &authenticated.session.secret_hash).await?;
            context.record(&authenticated, caller, EventKind::SignedOut).await;
        }
        Err(ApiError::NotSignedIn) => {}
        Err(error) => return Err(error),
    }
    Ok(signed_out())
}

async fn list_sessions(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let AuthenticatedSession { session: current, .. } = context.use_session(caller).await?;
    let active = context.sessions.list_active(&current.account, current.version, caller.now).await?;
    let sessions = active.iter().map(|session| {
        json!({
            "id": session.secret_hash,
            "current": session.secret_hash == current.secret_hash,
            "remember": session.remember,
            "signed_in_at": session.created_at.rfc3339(),
            "last_seen_at": session.last_used_at.rfc3339(),
            "expires_at": session.expires_at().rfc3339(),
            "device": session.device,
        })
    });
    Ok(json(&json!({ "sessions": sessions.collect::<Vec<_>>() })))
}

async fn end_other_sessions(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let authenticated = context.use_session(caller).await?;
    let current = &authenticated.session;
    for session in context.sessions.list_active(&current.account, current.version, caller.now).await? {
        if session.secret_hash != current.secret_hash {
            context.sessions.revoke(&session.account, &session.secret_hash).await?;
        }
    }
    context.record(&authenticated, caller, EventKind::SessionsEnded).await;
    Ok(no_content())
}

async fn end_session(context: &Context, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let authenticated = context.use_session(caller).await?;
    let current = &authenticated.session;
    let hash = SessionKeyHash::parse(id).ok_or(ApiError::SessionUnknown)?;
    let active = context.sessions.list_active(&current.account, current.version, caller.now).await?;
    if !active.iter().any(|session| session.secret_hash == hash) {
        return Err(ApiError::SessionUnknown);
    }
    context.sessions.revoke(&current.account, &hash).await?;
    context.record(&authenticated, caller, EventKind::SessionsEnded).await;
    let is_current = hash == current.secret_hash;
    Ok(if is_current { signed_out() } else { no_content() })
}

async fn list_events(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let authenticated = context.use_session(caller).await?;
    let latest = context.events.latest(&context.account_key(&authenticated, caller).await?, caller.now).await?;
    let events = latest.iter().map(|event| {
        json!({
            "at": event.happened_at.rfc3339(),
            "what": event.kind,
            "network": event.client.client_class.network(),
            "device": event.client.device,
        })
    });
    Ok(json(&json!({ "events": events.collect::<Vec<_>>() })))
}
