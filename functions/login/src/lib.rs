//! Sign-in. The attempt is reserved before the password is hashed, and unknown, inactive, and known accounts cost the
//! same and get the same response.

use guichet_domain::account::AccountName;
use guichet_domain::device::Device;
use guichet_domain::event::EventKind;
use guichet_domain::secret::PlainSessionKey;
use guichet_domain::session::{NewSession, Remember, Session, SessionToken, Transport};
use guichet_http::{
    ApiError, Authentication, Caller, PasswordCheck, Response, Site, json, json_body, route, session_cookie,
    string_enum, with_content_language, with_cookie,
};
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::failpoint::fail_point;
use guichet_platform::log::error_chain;
use guichet_platform::metrics::{self, Metric};
use guichet_platform::random;
use guichet_platform::secrets::PasswordKeys;
use guichet_store::credentials::AccountProfile;
use guichet_store::login_attempts::ReservedAttempt;
use guichet_store::sign_in::{SessionStart, SignIn};
use lambda_http::{Request, tracing};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub struct Context {
    site: Site,
    keys: PasswordKeys,
    tables: SignIn,
}

impl Context {
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let tables = SignIn::from_env(&aws.dynamodb)?;
        let (site, keys) = tokio::try_join!(Site::from_env(aws), PasswordKeys::from_env(aws))?;
        Ok(Self { site, keys: keys.with_preallocated_memory(), tables })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    account: String,
    password: SecretString,
    #[serde(default, deserialize_with = "string_enum")]
    remember: Remember,
    #[serde(default, deserialize_with = "string_enum")]
    transport: Transport,
}

/// `POST /api/login`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/login" => sign_in(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn sign_in(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(request, &context.site).await?;
    let form: Form = json_body(request)?;
    let account = AccountName::parse(&form.account)?;
    let pseudonym_keys = context.keys.pseudonym_keys(caller.now).await?;
    let authentication = Authentication::new(&caller, account, &pseudonym_keys);
    let check = authentication.check_password(&context.tables.attempts, &context.keys, &form.password).await?;
    let profile = check.attempt.credential.as_ref().map(|credential| &credential.profile);
    let profile = profile.filter(|profile| check.matches && profile.status.active);
    let (key, class) = (authentication.account_key.log_id(), check.attempt.class.code());
    let Some(profile) = profile else {
        tracing::info!(account.key = key, client.class = class, outcome = "refused", "sign-in");
        metrics::increment(Metric::SignInRefused);
        let event = caller.event(EventKind::SignInRefused);
        context.tables.events.record(&authentication.account_key, &event).await?;
        return Err(ApiError::InvalidCredentials);
    };
    tracing::info!(account.key = key, client.class = class, outcome = "success", "sign-in");
    metrics::increment(Metric::SignedIn);
    let response = start_session(context, &authentication, &form, &check.attempt, profile).await?;
    rehash_if_needed(context, &check, profile).await;
    Ok(response)
}

/// Upgrades the hash after a pepper rotation or a change of its cost. A failure is logged only: the user is signed in.
async fn rehash_if_needed(context: &Context, check: &PasswordCheck, profile: &AccountProfile) {
    let PasswordCheck { hasher, password, stored, .. } = check;
    let done = async {
        let Some(stored) = stored else { return Ok(()) };
        if !hasher.needs_rehash(stored)? {
            return Ok(());
        }
        let new = hasher.hash(password, random::bytes())?;
        context.tables.attempts.credentials.rehash(profile, stored, &new).await.map_err(ApiError::from)
    };
    if let Err(error) = done.await {
        tracing::error!(error.chain = error_chain(&error), "rehash failed");
    }
}

async fn start_session(
    context: &Context,
    authentication: &Authentication<'_>,
    form: &Form,
    attempt: &ReservedAttempt,
    profile: &AccountProfile,
) -> Result<Response, ApiError> {
    let caller = authentication.caller;
    let (session, token) = new_session(caller, form, profile);
    // A bearer client cannot store a device cookie.
    let device_key = (form.transport == Transport::Cookie).then(|| authentication.renewed_device_key(attempt.class));
    let device = device_key.as_ref().map(|key| Device::new(profile.account.clone(), key, session.version, caller.now));
    let start = SessionStart {
        session: &session,
        device: device.as_ref(),
        replaced: caller.session_token().map(|(token, _)| token),
        account_key: &authentication.account_key,
        event: &caller.event(EventKind::SignedIn),
    };
    context.tables.insert(attempt, &start).await?;
    fail_point("login.after_session_put", authentication.account_key.as_str());
    let response = session_response(&session, profile, &token);
    Ok(device_key.iter().fold(response, |response, key| authentication.set_device_cookie(response, key)))
}

fn new_session(caller: &Caller, form: &Form, profile: &AccountProfile) -> (Session, SessionToken) {
    let token = SessionToken { account: profile.account.clone(), key: PlainSessionKey::from_random(random::bytes()) };
    let new = NewSession {
        account: profile.account.clone(),
        version: profile.status.version,
        remember: form.remember,
        transport: form.transport,
        device: caller.device.clone(),
    };
    (Session::new(new, &token.key, caller.now), token)
}

/// The session token goes into a cookie or, for bearer clients, into the body.
fn session_response(session: &Session, profile: &AccountProfile, token: &SessionToken) -> Response {
    let mut body = json!({
        "account": session.account,
        "name": profile.name.display(),
        "expires_at": session.expires_at().rfc3339(),
    });
    let response = match session.transport {
        Transport::Cookie => with_cookie(json(&body), &session_cookie(token, session.remember)),
        Transport::Bearer => {
            body["token"] = token.expose().into();
            json(&body)
        }
    };
    with_content_language(profile.preferred_language, response)
}
