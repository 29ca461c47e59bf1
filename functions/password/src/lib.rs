//! A signed-in person changes their password with the current one, in the same budget as sign-in. This session is
//! kept, all others end.

use guichet_core::aws::Aws;
use guichet_core::chance;
use guichet_core::config::{self, ConfigError};
use guichet_core::device::{self, Device};
use guichet_core::keys::{AccountKey, Keys};
use guichet_core::password::{Password, PasswordPolicy};
use guichet_core::secret::PlainDeviceKey;
use guichet_core::session::SignedIn;
use guichet_core::store::Table;
use guichet_core::store::attempts::{Attempt, Attempted, Attempts};
use guichet_core::store::credentials::Credential;
use guichet_core::store::events::What;
use guichet_core::store::password_change::{Change, Changed, PasswordChange};
use guichet_core::store::sessions::Sessions;
use guichet_http::{ApiError, Caller, Response, Site, json_body, new_password, no_content, route};
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
            policy: config::password_policy()?,
            sessions: Sessions(Table::from_env(client, "SESSIONS_TABLE")?),
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

    let names = &*context.keys.names(caller.now).await?;
    context.keys.hasher(caller.now).await?;
    let key = AccountKey::of(&session.account, names);
    let tag = device::tag(&session.account, names);
    let claimed = caller.device_key(&tag).map(|device| device.hash());
    let address_key = caller.whereabouts.key(names);
    let attempted = Attempted {
        account: &session.account,
        account_key: &key,
        network: caller.network,
        address_key: &address_key,
        device: claimed.as_ref(),
        now: caller.now,
    };
    let counted = match context.attempts.count(&attempted).await? {
        Attempt::Counted(counted) => counted,
        Attempt::Refused(_, wait) => return Err(ApiError::TooManyAttempts(wait)),
    };
    let stored = counted.credential.as_ref().and_then(Credential::hash);
    let hasher = context.keys.hasher_for(stored.as_ref(), caller.now).await?;
    if !hasher.verify(&Password::typed(&form.current), stored.as_ref())? {
        tables.events.note(&key, &caller.event(What::SignInRefused)).await?;
        return Err(ApiError::InvalidCredentials);
    }
    context.attempts.resolve(&counted).await?;

    let device = PlainDeviceKey::from_random(chance::bytes());
    let change = Change {
        account: &session.account,
        account_key: &key,
        version: session.version,
        hash: &hasher.hash(&password, chance::bytes())?,
        now: caller.now,
        origin: &caller.origin(),
        device: &Device::known(session.account.clone(), &device, session.version + 1, caller.now),
    };
    let changed = tables.keep_session(&context.sessions, &session, &change).await?;
    tracing::info!(account.key = key.brief(), ok = changed == Changed::Yes, "password changed");
    // Where the session ended meanwhile, nobody is signed in any more.
    if changed == Changed::Yes {
        Ok(caller.make_known(no_content(), &tag, &device))
    } else {
        Err(ApiError::NotSignedIn)
    }
}
