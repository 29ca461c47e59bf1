//! *Changer mon mot de passe*: checks a link, and sets the password with it. Checking changes nothing.

use guichet_domain::client::ClientClass;
use guichet_domain::keys::KeyRing;
use guichet_domain::password::{Password, PasswordPolicy};
use guichet_domain::rate_limit::{Charge, INVALID_TOKENS_PER_SOURCE};
use guichet_domain::reset_token::ResetToken;
use guichet_domain::secret::{PlainDeviceKey, PlainToken};
use guichet_domain::time::UnixTime;
use guichet_http::{
    ApiError, Authentication, Caller, Response, Site, json, json_body, new_password, no_content, route,
    with_content_language,
};
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::failpoint::fail_point;
use guichet_platform::secrets::PasswordKeys;
use guichet_platform::{random, settings};
use guichet_store::StoreError;
use guichet_store::credentials::AccountProfile;
use guichet_store::password_update::{PasswordUpdates, UpdateOutcome};
use guichet_store::tokens::{Replay, Tokens};
use lambda_http::{Request, tracing};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub struct Context {
    site: Site,
    keys: PasswordKeys,
    policy: PasswordPolicy,
    tokens: Tokens,
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
            tokens: Tokens::from_env(client)?,
            updates: PasswordUpdates::from_env(client)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckForm {
    token: SecretString,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetForm {
    token: SecretString,
    password: SecretString,
    confirmation: SecretString,
}

/// The token of a request, as stored, and the profile of its account.
struct PresentedToken {
    plain: PlainToken,
    stored: ResetToken,
    profile: Option<AccountProfile>,
}

enum Form {
    Check(CheckForm),
    Reset(ResetForm),
}

/// `POST /api/reset/check` and `POST /api/reset`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(&request, &context.site).await?;
    let form = match route(&request) {
        "POST /api/reset/check" => Form::Check(json_body(&request)?),
        "POST /api/reset" => Form::Reset(json_body(&request)?),
        _ => return Err(ApiError::NoRoute),
    };
    let limit = invalid_token_charge(&context, &caller).await?;
    let response = match &form {
        Form::Check(form) => check(&context, &caller, limit.as_ref(), form).await,
        Form::Reset(form) => reset(&context, &caller, limit.as_ref(), form).await,
    };
    let is_invalid = matches!(response, Err(ApiError::LinkUnknown | ApiError::LinkExpired | ApiError::LinkUsed));
    if let Some(charge) = limit.filter(|_| is_invalid) {
        context.updates.throttles.charge(&[charge], caller.now).await?;
    }
    response
}

async fn check(
    context: &Context,
    caller: &Caller,
    limit: Option<&Charge>,
    form: &CheckForm,
) -> Result<Response, ApiError> {
    let token = find_token(context, caller, limit, &form.token).await?;
    let profile = require_redeemable(&token, caller.now)?;
    let response = json(&json!({
        "account": token.stored.account,
        "purpose": token.stored.purpose,
        "expires_at": token.stored.expires_at.rfc3339(),
        "policy": context.policy,
    }));
    Ok(with_content_language(profile.preferred_language, response))
}

async fn reset(
    context: &Context,
    caller: &Caller,
    limit: Option<&Charge>,
    form: &ResetForm,
) -> Result<Response, ApiError> {
    let token = find_token(context, caller, limit, &form.token).await?;
    let (pseudonym_keys, hasher) =
        (context.keys.pseudonym_keys(caller.now).await?, context.keys.hasher(caller.now).await?);
    let profile = match require_redeemable(&token, caller.now) {
        Ok(profile) => profile,
        Err(_) if is_replay(context, caller, form, &token, hasher.peppers()).await? => return Ok(no_content()),
        Err(invalid) => return Err(invalid),
    };
    let PresentedToken { plain, stored, .. } = &token;
    let password = new_password(&form.password, &form.confirmation, context.policy, &stored.account, &profile.name)?;
    let authentication = Authentication::new(caller, stored.account.clone(), &pseudonym_keys);
    let hash = hasher.hash(&password, random::bytes())?;
    fail_point("reset.after_hash", authentication.account_key.as_str());

    let device = PlainDeviceKey::from_random(random::bytes());
    let update = authentication.password_update(stored.version, &hash, &device);
    let reuse_proof = plain.reuse_proof(&password, hasher.peppers().current());
    let outcome = context.updates.redeem_token(&context.tokens, stored, &reuse_proof, &update).await?;
    fail_point("reset.after_tx", authentication.account_key.as_str());
    tracing::info!(account.key = authentication.account_key.log_id(), ?outcome, "password reset");
    match outcome {
        UpdateOutcome::Updated => Ok(authentication.set_device_cookie(no_content(), &device)),
        // Another request used this link, or another link, first.
        UpdateOutcome::Conflict => Err(ApiError::LinkUsed),
    }
}

/// The charge for an invalid token; `None` for a client that is not limited.
async fn invalid_token_charge(context: &Context, caller: &Caller) -> Result<Option<Charge>, ApiError> {
    if caller.address_class != ClientClass::Untrusted {
        return Ok(None);
    }
    let pseudonym_keys = context.keys.pseudonym_keys(caller.now).await?;
    let source = format!("reset#address#{}", caller.source.pseudonym(&pseudonym_keys));
    Ok(Some(INVALID_TOKENS_PER_SOURCE.new_charge(&source, caller.now)))
}

/// Reads the source's limit and the token concurrently. If the limit is reached, the token is ignored.
async fn find_token(
    context: &Context,
    caller: &Caller,
    limit: Option<&Charge>,
    presented: &SecretString,
) -> Result<PresentedToken, ApiError> {
    let retry_after_if_reached = async {
        let Some(charge) = limit else { return Ok(None) };
        context.updates.throttles.retry_after_if_reached(charge, caller.now).await
    };
    match tokio::try_join!(retry_after_if_reached, read_token(context, presented))? {
        (Some(wait), _) => Err(ApiError::TooManyAttempts(wait)),
        (None, found) => found.ok_or(ApiError::LinkUnknown),
    }
}

async fn read_token(context: &Context, presented: &SecretString) -> Result<Option<PresentedToken>, StoreError> {
    let Some(plain) = PlainToken::parse(presented.expose_secret()) else { return Ok(None) };
    let Some(stored) = context.tokens.find(&plain.hash()).await? else { return Ok(None) };
    let profile = context.updates.credentials.profile(&stored.account).await?;
    Ok(Some(PresentedToken { plain, stored, profile }))
}

/// The profile of the token's account, if the token is unused, unexpired, and of the current version.
fn require_redeemable(token: &PresentedToken, now: UnixTime) -> Result<&AccountProfile, ApiError> {
    let PresentedToken { stored, profile, .. } = token;
    if stored.used_at.is_some() {
        return Err(ApiError::LinkUsed);
    }
    if stored.expires_at <= now {
        return Err(ApiError::LinkExpired);
    }
    let profile = profile.as_ref().filter(|profile| profile.status.accepts(stored.version));
    profile.ok_or(ApiError::LinkUsed)
}

/// Whether a client that lost the response repeats the request that used the token: within ten minutes, with the same
/// password, and while that password is still the current one. Attempts are counted before they are compared.
async fn is_replay(
    context: &Context,
    caller: &Caller,
    form: &ResetForm,
    PresentedToken { plain, stored, profile }: &PresentedToken,
    peppers: &KeyRing,
) -> Result<bool, StoreError> {
    let is_current = profile.as_ref().is_some_and(|profile| profile.status.accepts(stored.version + 1));
    let proof = stored.reuse_proof.as_ref().filter(|_| is_current && stored.accepts_replay(caller.now));
    let Some(proof) = proof else { return Ok(false) };
    if let Replay::LimitReached = context.tokens.count_replay(&stored.token_hash).await? {
        return Ok(false);
    }
    let password = Password::from_input(&form.password);
    let is_same = peppers.accepted().any(|pepper| plain.reuse_proof(&password, pepper) == *proof);
    Ok(is_same && password == Password::from_input(&form.confirmation))
}
