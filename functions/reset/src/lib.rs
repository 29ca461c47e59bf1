//! *Changer mon mot de passe*: the page behind the link. Opening it changes nothing; the one POST that sets the
//! password uses the link, or nothing happens at all.

use guichet_core::aws::Aws;
use guichet_core::class::Class;
use guichet_core::clock::UnixTime;
use guichet_core::config::{self, ConfigError};
use guichet_core::keys::{KeyRing, Keys};
use guichet_core::password::{Password, PasswordPolicy};
use guichet_core::quota::{DEAD_LINKS, Spending};
use guichet_core::secret::{PlainDeviceKey, PlainToken};
use guichet_core::store::StoreError;
use guichet_core::store::credentials::Holder;
use guichet_core::store::password_change::{Changed, PasswordChange};
use guichet_core::store::tokens::{Repeat, Token, Tokens};
use guichet_core::{chance, rehearsal};
use guichet_http::{
    ApiError, Caller, Claim, Response, Site, for_one_who_speaks, json, json_body, new_password, no_content, route,
};
use lambda_http::{Request, tracing};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// What the function needs.
pub struct Context {
    site: Site,
    keys: Keys,
    policy: PasswordPolicy,
    tokens: Tokens,
    change: PasswordChange,
}

impl Context {
    /// As the template's variables say.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        let (site, keys) = tokio::try_join!(Site::from_env(aws), Keys::from_env(aws))?;
        Ok(Self {
            site,
            keys,
            policy: config::password_policy()?.with_context_words(config::context_words()?),
            tokens: Tokens::from_env(client)?,
            change: PasswordChange::from_env(client)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckForm {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetForm {
    token: String,
    password: String,
    confirmation: String,
}

/// A link that is presented, and who may set their password with it.
struct Link {
    plain: PlainToken,
    token: Token,
    holder: Option<Holder>,
}

/// Answers `POST /api/reset/check` and `POST /api/reset`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let caller = Caller::of(&request, &context.site).await?;
    match route(&request) {
        "POST /api/reset/check" => {
            let form: CheckForm = json_body(&request)?;
            by_link(&context, &caller, &form.token, async |link| check(&context, &caller, &link)).await
        }
        "POST /api/reset" => {
            let form: ResetForm = json_body(&request)?;
            by_link(&context, &caller, &form.token, |link| Box::pin(reset(&context, &caller, &form, link))).await
        }
        _ => Err(ApiError::NoRoute),
    }
}

/// What the link answers. From outside, dead and unknown links are counted for each address; over the quota none is looked
/// at from there, though it is read meanwhile.
async fn by_link(
    context: &Context,
    caller: &Caller,
    presented: &str,
    answer: impl AsyncFnOnce(Link) -> Result<Response, ApiError>,
) -> Result<Response, ApiError> {
    let quota = match caller.network {
        Class::U => Some(dead_links(context, caller).await?),
        _ => None,
    };
    let (used_up, found) = tokio::try_join!(used_up(context, quota.as_ref(), caller.now), find(context, presented))?;
    if let Some(wait) = used_up {
        return Err(ApiError::TooManyAttempts(wait));
    }
    let answer = match found {
        Some(link) => answer(link).await,
        None => Err(ApiError::LinkUnknown),
    };
    if let (Some(quota), Err(ApiError::LinkUnknown | ApiError::LinkExpired | ApiError::LinkUsed)) = (quota, &answer) {
        context.change.throttles.spend(&[quota], caller.now).await?;
    }
    answer
}

/// One dead link of those that the caller's address may try.
async fn dead_links(context: &Context, caller: &Caller) -> Result<Spending, ApiError> {
    let names = context.keys.names(caller.now).await?;
    Ok(DEAD_LINKS.spending(&format!("reset#address#{}", caller.whereabouts.key(&names)), caller.now))
}

/// For how long nothing is left of the quota, if nothing is.
async fn used_up(context: &Context, quota: Option<&Spending>, now: UnixTime) -> Result<Option<Duration>, StoreError> {
    let Some(quota) = quota else { return Ok(None) };
    context.change.throttles.is_used_up(quota, now).await
}

async fn find(context: &Context, presented: &str) -> Result<Option<Link>, StoreError> {
    let Some(plain) = PlainToken::parse(presented) else { return Ok(None) };
    let Some(token) = context.tokens.find(&plain.hash()).await? else { return Ok(None) };
    let holder = context.change.credentials.holder(&token.account).await?;
    Ok(Some(Link { plain, token, holder }))
}

fn check(context: &Context, caller: &Caller, link: &Link) -> Result<Response, ApiError> {
    let holder = refuse_dead(link, caller.now)?;
    let answer = json(&json!({
        "account": link.token.account,
        "purpose": link.token.purpose,
        "expires_at": link.token.expires_at.rfc3339(),
        "policy": context.policy,
    }));
    Ok(for_one_who_speaks(holder.preferred_language, answer))
}

async fn reset(context: &Context, caller: &Caller, form: &ResetForm, link: Link) -> Result<Response, ApiError> {
    let (names, hasher) = (context.keys.names(caller.now).await?, context.keys.hasher(caller.now).await?);
    let holder = match refuse_dead(&link, caller.now) {
        Ok(holder) => holder,
        Err(_) if is_repeated(context, caller, form, &link, hasher.peppers()).await? => return Ok(no_content()),
        Err(dead) => return Err(dead),
    };
    let Link { plain, token, .. } = &link;
    let password = new_password(&form.password, &form.confirmation, context.policy, &token.account, &holder.name)?;
    let claim = Claim::of(caller, token.account.clone(), &names);
    let hash = hasher.hash(&password, chance::bytes())?;
    rehearsal::point("reset.after_hash", claim.key.as_str());

    let device = PlainDeviceKey::from_random(chance::bytes());
    let change = claim.change(token.version, &hash, &device);
    let receipt = plain.receipt(&password, hasher.peppers().current());
    let changed = context.change.spend_token(&context.tokens, token, &receipt, &change).await?;
    rehearsal::point("reset.after_tx", claim.key.as_str());
    tracing::info!(account.key = claim.key.brief(), ok = changed == Changed::Yes, "password set");
    match changed {
        Changed::Yes => Ok(claim.make_known(no_content(), &device)),
        // Somebody was faster, with this link or another one.
        Changed::No => Err(ApiError::LinkUsed),
    }
}

/// Whose password the link may set now.
fn refuse_dead(link: &Link, now: UnixTime) -> Result<&Holder, ApiError> {
    let Link { token, holder, .. } = link;
    if token.used_at.is_some() {
        return Err(ApiError::LinkUsed);
    }
    if token.expires_at <= now {
        return Err(ApiError::LinkExpired);
    }
    let holder = holder.as_ref().filter(|holder| holder.standing.is_good_for(token.version));
    holder.ok_or(ApiError::LinkUsed)
}

/// Whether this is the same POST again, its answer lost on the way: within ten minutes, and only while the password that it
/// set is still the last one. Three tries at most, each counted before it is compared, or a used link would be a way to
/// guess the password.
async fn is_repeated(
    context: &Context,
    caller: &Caller,
    form: &ResetForm,
    Link { plain, token, holder }: &Link,
    peppers: &KeyRing,
) -> Result<bool, StoreError> {
    let is_last = holder.as_ref().is_some_and(|holder| holder.standing.is_good_for(token.version + 1));
    let receipt = token.receipt.as_ref().filter(|_| is_last && token.may_repeat(caller.now));
    let Some(receipt) = receipt else { return Ok(false) };
    if let Repeat::Refused = context.tokens.count_repeat(&token.token_hash).await? {
        return Ok(false);
    }
    let password = Password::typed(&form.password);
    let is_ours = peppers.accepted().any(|pepper| plain.receipt(&password, pepper) == *receipt);
    Ok(is_ours && password == Password::typed(&form.confirmation))
}
