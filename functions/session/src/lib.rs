//! Who is signed in, which sessions are open, what happened lately; sign-out. No account is ever taken from the
//! client here: it is the session's.

use guichet_core::aws::Aws;
use guichet_core::config::ConfigError;
use guichet_core::keys::{AccountKey, READ_ONCE, Secret};
use guichet_core::log::chain;
use guichet_core::secret::SessionKeyHash;
use guichet_core::session::SignedIn;
use guichet_core::store::credentials::Credentials;
use guichet_core::store::events::{Events, What};
use guichet_core::store::sessions::Sessions;
use guichet_http::{
    ApiError, Caller, Response, Site, for_one_who_speaks, json, no_content, path_parameter, route, signed_out,
};
use lambda_http::{Request, tracing};
use serde_json::json;
use std::sync::Arc;

/// What the function needs.
pub struct Context {
    site: Site,
    names: Secret,
    sessions: Sessions,
    credentials: Credentials,
    events: Events,
}

impl Context {
    /// As the template's variables say.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (site, names) = tokio::try_join!(Site::from_env(aws), Secret::from_env(aws, "NAMES_SECRET", READ_ONCE))?;
        Ok(Self {
            site,
            names,
            sessions: Sessions::from_env(&aws.dynamodb)?,
            credentials: Credentials::from_env(&aws.dynamodb)?,
            events: Events::from_env(&aws.dynamodb)?,
        })
    }

    async fn found(&self, caller: &Caller) -> Result<SignedIn, ApiError> {
        let (ticket, transport) = caller.ticket()?;
        let found = self.sessions.signed_in(&self.credentials, ticket, transport, caller.now).await?;
        found.ok_or(ApiError::NotSignedIn)
    }

    async fn signed_in(&self, caller: &Caller) -> Result<SignedIn, ApiError> {
        let mut signed_in = self.found(caller).await?;
        self.sessions.touch(&mut signed_in.session, caller.now).await?;
        Ok(signed_in)
    }

    async fn key(&self, signed_in: &SignedIn, caller: &Caller) -> Result<AccountKey, ApiError> {
        Ok(AccountKey::of(&signed_in.session.account, &*self.names.ring(caller.now).await?))
    }

    /// The sessions are over, so that it could not be noted keeps nobody from hearing so.
    async fn note(&self, signed_in: &SignedIn, caller: &Caller, what: What) {
        let noted = async {
            let key = self.key(signed_in, caller).await?;
            tracing::info!(account.key = key.brief(), what = ?what, "sessions ended");
            self.events.note(&key, &caller.event(what)).await.map_err(ApiError::from)
        };
        if let Err(error) = noted.await {
            tracing::error!(error.chain = chain(&error), "event not noted");
        }
    }
}

/// Answers the routes under `/api/session`, `/api/sessions` and `/api/events`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::of(&request, &context.site).await?;
    match route(&request) {
        "GET /api/session" => who(&context, &caller).await,
        "DELETE /api/session" => sign_out(&context, &caller).await,
        "GET /api/sessions" => list(&context, &caller).await,
        "DELETE /api/sessions" => end_others(&context, &caller).await,
        "DELETE /api/sessions/{id}" => end_one(&context, &caller, &path_parameter(&request, "id")).await,
        "GET /api/events" => events(&context, &caller).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn who(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let SignedIn { session, name, preferred_language } = context.signed_in(caller).await?;
    let answer = json(&json!({
        "account": session.account,
        "name": name.display(),
        "signed_in_at": session.created_at.rfc3339(),
        "expires_at": session.expires_at().rfc3339(),
        "remember": session.remember,
    }));
    Ok(for_one_who_speaks(preferred_language, answer))
}

async fn sign_out(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    match context.found(caller).await {
        Ok(signed_in) => {
            context.sessions.end(&signed_in.session.account, &signed_in.session.secret_hash).await?;
            context.note(&signed_in, caller, What::SignedOut).await;
        }
        Err(ApiError::NotSignedIn) => {}
        Err(error) => return Err(error),
    }
    Ok(signed_out())
}

async fn list(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let SignedIn { session: current, .. } = context.signed_in(caller).await?;
    let open = context.sessions.open(&current.account, current.version, caller.now).await?;
    let sessions = open.iter().map(|session| {
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

async fn end_others(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let signed_in = context.signed_in(caller).await?;
    let current = &signed_in.session;
    for session in context.sessions.open(&current.account, current.version, caller.now).await? {
        if session.secret_hash != current.secret_hash {
            context.sessions.end(&session.account, &session.secret_hash).await?;
        }
    }
    context.note(&signed_in, caller, What::SessionsEnded).await;
    Ok(no_content())
}

async fn end_one(context: &Context, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let signed_in = context.signed_in(caller).await?;
    let current = &signed_in.session;
    let hash = SessionKeyHash::parse(id).ok_or(ApiError::SessionUnknown)?;
    let open = context.sessions.open(&current.account, current.version, caller.now).await?;
    if !open.iter().any(|session| session.secret_hash == hash) {
        return Err(ApiError::SessionUnknown);
    }
    context.sessions.end(&current.account, &hash).await?;
    context.note(&signed_in, caller, What::SessionsEnded).await;
    let ended_itself = hash == current.secret_hash;
    Ok(if ended_itself { signed_out() } else { no_content() })
}

async fn events(context: &Context, caller: &Caller) -> Result<Response, ApiError> {
    let signed_in = context.signed_in(caller).await?;
    let latest = context.events.latest(&context.key(&signed_in, caller).await?, caller.now).await?;
    let events = latest.iter().map(|event| {
        json!({
            "at": event.happened_at.rfc3339(),
            "what": event.what,
            "network": event.origin.client_class.network(),
            "device": event.origin.device,
        })
    });
    Ok(json(&json!({ "events": events.collect::<Vec<_>>() })))
}
