//! Sign-in: the attempt is reserved before it is hashed, and known, unknown and inactive accounts cost the same and
//! are answered alike.

use guichet_core::account::AccountName;
use guichet_core::aws::Aws;
use guichet_core::config::ConfigError;
use guichet_core::device::Device;
use guichet_core::keys::Keys;
use guichet_core::log::chain;
use guichet_core::metrics::{self, Metric};
use guichet_core::secret::PlainSessionKey;
use guichet_core::session::{Opening, Remember, Session, SessionTicket, Transport};
use guichet_core::store::attempts::Counted;
use guichet_core::store::credentials::Holder;
use guichet_core::store::events::What;
use guichet_core::store::sign_in::{Opened, SignIn};
use guichet_core::{chance, rehearsal};
use guichet_http::{
    ApiError, Caller, Claim, Guess, Response, Site, for_one_who_speaks, json, json_body, route, session_cookie,
    with_cookie, word,
};
use lambda_http::{Request, tracing};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What the function needs.
pub struct Context {
    site: Site,
    keys: Keys,
    tables: SignIn,
}

impl Context {
    /// As the template's variables say.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let tables = SignIn::from_env(&aws.dynamodb)?;
        let (site, keys) = tokio::try_join!(Site::from_env(aws), Keys::from_env(aws))?;
        Ok(Self { site, keys: keys.ready_to_hash(), tables })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    account: String,
    password: String,
    #[serde(default, deserialize_with = "word")]
    remember: Remember,
    #[serde(default, deserialize_with = "word")]
    transport: Transport,
}

/// Answers `POST /api/login`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/login" => sign_in(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn sign_in(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::of(request, &context.site).await?;
    let form: Form = json_body(request)?;
    let account = AccountName::parse(&form.account)?;
    let names = context.keys.names(caller.now).await?;
    let claim = Claim::of(&caller, account, &names);
    let guess = claim.guess(&context.tables.attempts, &context.keys, &form.password).await?;
    let holder = guess.counted.credential.as_ref().map(|credential| &credential.holder);
    let holder = holder.filter(|holder| guess.right && holder.standing.active);
    let class = guess.counted.class;
    tracing::info!(account.key = claim.key.brief(), client.class = class.letter(), ok = holder.is_some(), "sign-in");
    let Some(holder) = holder else {
        metrics::count(Metric::SignInRefused);
        context.tables.events.note(&claim.key, &caller.event(What::SignInRefused)).await?;
        return Err(ApiError::InvalidCredentials);
    };
    metrics::count(Metric::SignedIn);
    let answer = open_session(context, &claim, &form, &guess.counted, holder).await?;
    hash_anew(context, &guess, holder).await;
    Ok(answer)
}

/// Once the pepper or the cost is another. The person is in, so that it could not be done keeps them out of nothing.
async fn hash_anew(context: &Context, Guess { hasher, password, stored, .. }: &Guess, holder: &Holder) {
    let done = async {
        let Some(stored) = stored else { return Ok(()) };
        if hasher.is_of_today(stored)? {
            return Ok(());
        }
        let today = hasher.hash(password, chance::bytes())?;
        context.tables.attempts.credentials.rehash(holder, stored, &today).await.map_err(ApiError::from)
    };
    if let Err(error) = done.await {
        tracing::error!(error.chain = chain(&error), "hash not made anew");
    }
}

async fn open_session(
    context: &Context,
    claim: &Claim<'_>,
    form: &Form,
    counted: &Counted,
    holder: &Holder,
) -> Result<Response, ApiError> {
    let caller = claim.caller;
    let (session, ticket) = new_session(caller, form, holder);
    // A client without cookies has no place to keep a device's.
    let device = (form.transport == Transport::Cookie).then(|| claim.device_after(counted.class));
    let known = device.as_ref().map(|it| Device::known(holder.account.clone(), it, session.version, caller.now));
    let opened = Opened {
        session: &session,
        device: known.as_ref(),
        presented: caller.presented().map(|(ticket, _)| ticket),
        account_key: &claim.key,
        event: &caller.event(What::SignedIn),
    };
    context.tables.open_session(counted, &opened).await?;
    rehearsal::point("login.after_session_put", claim.key.as_str());
    let answer = answer(&session, holder, &ticket);
    Ok(device.iter().fold(answer, |answer, device| claim.make_known(answer, device)))
}

fn new_session(caller: &Caller, form: &Form, holder: &Holder) -> (Session, SessionTicket) {
    let ticket = SessionTicket { account: holder.account.clone(), key: PlainSessionKey::from_random(chance::bytes()) };
    let opening = Opening {
        account: holder.account.clone(),
        version: holder.standing.version,
        remember: form.remember,
        transport: form.transport,
        device: caller.device.clone(),
    };
    (Session::open(opening, &ticket.key, caller.now), ticket)
}

/// The session's ticket goes where its transport has it: in a cookie or in the body.
fn answer(session: &Session, holder: &Holder, ticket: &SessionTicket) -> Response {
    let mut answer = json!({
        "account": session.account,
        "name": holder.name.display(),
        "expires_at": session.expires_at().rfc3339(),
    });
    let response = match session.transport {
        Transport::Cookie => with_cookie(json(&answer), &session_cookie(ticket, session.remember)),
        Transport::Bearer => {
            answer["token"] = ticket.reveal().into();
            json(&answer)
        }
    };
    for_one_who_speaks(holder.preferred_language, response)
}
