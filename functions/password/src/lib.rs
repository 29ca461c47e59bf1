//! A signed-in person changes their password with the current one, in the same budget as sign-in. This session is
//! kept, all others end.

use guichet_core::aws::Aws;
use guichet_core::chance;
use guichet_core::config::{self, ConfigError};
use guichet_core::keys::Keys;
use guichet_core::password::{Hasher, PasswordPolicy};
use guichet_core::secret::PlainDeviceKey;
use guichet_core::session::SignedIn;
use guichet_core::store::attempts::Attempts;
use guichet_core::store::events::What;
use guichet_core::store::password_change::{Changed, PasswordChange};
use guichet_core::store::sessions::Sessions;
use guichet_http::{ApiError, Caller, Claim, Response, Site, json_body, new_password, no_content, route};
use lambda_http::{Request, tracing};
use serde::Deserialize;
use std::sync::Arc;

/// What the function needs.
pub struct Context {
    site: Site,
    keys: Keys,
    policy: PasswordPolicy,
    sessions: Sessions,
    attempts: Attempts,
    change: PasswordChange,
}

impl Context {
    /// As the template's variables say.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        let (site, keys) = tokio::try_join!(Site::from_env(aws), Keys::from_env(aws))?;
        Ok(Self {
            site,
            keys: keys.ready_to_hash(),
            policy: config::password_policy()?.with_context_words(config::context_words()?),
            sessions: Sessions::from_env(client)?,
            attempts: Attempts::from_env(client)?,
            change: PasswordChange::from_env(client)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    current: String,
    password: String,
    confirmation: String,
}

/// Answers `POST /api/password`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/password" => change(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn change(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::of(request, &context.site).await?;
    let form: Form = json_body(request)?;
    let (ticket, transport) = caller.ticket()?;
    let tables = &context.change;
    let signed_in = context.sessions.signed_in(&tables.credentials, ticket, transport, caller.now).await?;
    let SignedIn { session, name, .. } = signed_in.ok_or(ApiError::NotSignedIn)?;
    let password = new_password(&form.password, &form.confirmation, context.policy, &session.account, &name)?;
    let names = context.keys.names(caller.now).await?;
    let claim = Claim::of(&caller, session.account.clone(), &names);
    let hasher = prove(context, &claim, &form.current).await?;

    let device = PlainDeviceKey::from_random(chance::bytes());
    let hash = hasher.hash(&password, chance::bytes())?;
    let change = claim.change(session.version, &hash, &device);
    let changed = tables.keep_session(&context.sessions, &session, &change).await?;
    tracing::info!(account.key = claim.key.brief(), ok = changed == Changed::Yes, "password changed");
    match changed {
        Changed::Yes => Ok(claim.make_known(no_content(), &device)),
        // The session ended meanwhile: nobody is signed in any more.
        Changed::No => Err(ApiError::NotSignedIn),
    }
}

/// Whether it is the account's owner who is there, by the current password. What it was tried with.
async fn prove(context: &Context, claim: &Claim<'_>, current: &str) -> Result<Hasher, ApiError> {
    let guess = claim.guess(&context.attempts, &context.keys, current).await?;
    if !guess.right {
        context.change.events.note(&claim.key, &claim.caller.event(What::SignInRefused)).await?;
        return Err(ApiError::InvalidCredentials);
    }
    context.attempts.resolve(&guess.counted).await?;
    Ok(guess.hasher)
}
