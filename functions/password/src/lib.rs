//! Changes the password of a signed-in user, who enters the current one. The same limits as at sign-in apply. The
//! current session is retained; all others end.

use guichet_domain::event::EventKind;
use guichet_domain::password::{Hasher, PasswordPolicy};
use guichet_domain::secret::PlainDeviceKey;
use guichet_domain::session::AuthenticatedSession;
use guichet_http::{ApiError, Authentication, Caller, Response, Site, json_body, new_password, no_content, route};
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::secrets::PasswordKeys;
use guichet_platform::{random, settings};
use guichet_store::login_attempts::LoginAttempts;
use guichet_store::password_update::{PasswordUpdates, UpdateOutcome};
use guichet_store::sessions::Sessions;
use lambda_http::{Request, tracing};
use secrecy::SecretString;
use serde::Deserialize;
use std::sync::Arc;

pub struct Context {
    site: Site,
    keys: PasswordKeys,
    policy: PasswordPolicy,
    sessions: Sessions,
    attempts: LoginAttempts,
    updates: PasswordUpdates,
}

impl Context {
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        let (site, keys) = tokio::try_join!(Site::from_env(aws), PasswordKeys::from_env(aws))?;
        Ok(Self {
            site,
            keys: keys.with_preallocated_memory(),
            policy: settings::password_policy()?,
            sessions: Sessions::from_env(client)?,
            attempts: LoginAttempts::from_env(client)?,
            updates: PasswordUpdates::from_env(client)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    current: SecretString,
    password: SecretString,
    confirmation: SecretString,
}

/// `POST /api/password`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/password" => change_password(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn change_password(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(request, &context.site).await?;
    let form: Form = json_body(request)?;
    let AuthenticatedSession { session, name, .. } = authenticate(context, &caller).await?;
    let password = new_password(&form.password, &form.confirmation, context.policy, &session.account, &name)?;
    let pseudonym_keys = context.keys.pseudonym_keys(caller.now).await?;
    let authentication = Authentication::new(&caller, session.account.clone(), &pseudonym_keys);
    let hasher = reauthenticate(context, &authentication, &form.current).await?;

    let device = PlainDeviceKey::from_random(random::bytes());
    let hash = hasher.hash(&password, random::bytes())?;
    let update = authentication.password_update(session.version, &hash, &device);
    let outcome = context.updates.retain_session(&context.sessions, &session, &update).await?;
    tracing::info!(account.key = authentication.account_key.log_id(), ?outcome, "password change");
    match outcome {
        UpdateOutcome::Updated => Ok(authentication.set_device_cookie(no_content(), &device)),
        // The session ended meanwhile.
        UpdateOutcome::Conflict => Err(ApiError::NotSignedIn),
    }
}

async fn authenticate(context: &Context, caller: &Caller) -> Result<AuthenticatedSession, ApiError> {
    let (token, transport) = caller.require_session_token()?;
    let credentials = &context.updates.credentials;
    let session = context.sessions.authenticate(credentials, token, transport, caller.now).await?;
    session.ok_or(ApiError::NotSignedIn)
}

/// Verifies the current password. Returns the hasher for the new one.
async fn reauthenticate(
    context: &Context,
    authentication: &Authentication<'_>,
    current: &SecretString,
) -> Result<Hasher, ApiError> {
    let check = authentication.check_password(&context.attempts, &context.keys, current).await?;
    if !check.matches {
        let event = authentication.caller.event(EventKind::SignInRefused);
        context.updates.events.record(&authentication.account_key, &event).await?;
        return Err(ApiError::InvalidCredentials);
    }
    context.attempts.resolve_failures(&check.attempt).await?;
    Ok(check.hasher)
}
