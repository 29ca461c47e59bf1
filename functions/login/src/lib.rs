//! Sign-in: the attempt is reserved before it is hashed, and known, unknown and inactive accounts cost the same and
//! are answered alike.

use guichet_core::account::AccountName;
use guichet_core::aws::Aws;
use guichet_core::class::Class;
use guichet_core::config::ConfigError;
use guichet_core::device::Device;
use guichet_core::keys::Keys;
use guichet_core::metrics::{self, Metric};
use guichet_core::password::{Hasher, Password, StoredHash};
use guichet_core::secret::PlainSessionKey;
use guichet_core::session::{Opening, Remember, Session, SessionTicket, Transport};
use guichet_core::store::attempts::Counted;
use guichet_core::store::credentials::{Credential, Holder};
use guichet_core::store::events::What;
use guichet_core::store::sign_in::{Opened, SignIn};
use guichet_core::{chance, rehearsal};
use guichet_http::{
    ApiError, Caller, Claim, Response, Site, for_one_who_speaks, json, json_body, route, session_cookie, with_cookie,
    word,
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
    // Without the peppers nobody can be let in, so nothing is counted either.
    let names = context.keys.names(caller.now).await?;
    context.keys.hasher(caller.now).await?;
    let claim = Claim::of(&caller, account, &names);
    let counted = claim.count(&context.tables.attempts).await?;
    rehearsal::point("login.after_reserve", claim.key.as_str());
    let stored = counted.credential.as_ref().and_then(Credential::hash);
    let hasher = context.keys.hasher_for(stored.as_ref(), caller.now).await?;
    let password = Password::typed(&form.password);
    let right = hasher.verify(&password, stored.as_ref())?;
    rehearsal::point("login.after_verify", claim.key.as_str());
    let holder = counted.credential.as_ref().map(|credential| &credential.holder);
    let Some(holder) = holder.filter(|holder| right && holder.standing.active) else {
        return refuse(context, &claim, counted.class).await;
    };
    let answer = open_session(context, &claim, &form, &counted, holder).await?;
    hash_anew(context, &hasher, &password, holder, stored.as_ref()).await;
    Ok(answer)
}

async fn refuse(context: &Context, claim: &Claim<'_>, class: Class) -> Result<Response, ApiError> {
    tell(claim, class, false);
    context.tables.events.note(&claim.key, &claim.caller.event(What::SignInRefused)).await?;
    Err(ApiError::InvalidCredentials)
}

fn tell(claim: &Claim<'_>, class: Class, ok: bool) {
    tracing::info!(account.key = claim.key.brief(), client.class = class.letter(), ok, "sign-in");
    metrics::count(if ok { Metric::SignedIn } else { Metric::SignInRefused });
}

/// Once the pepper or the cost is another. The person is in, so that it could not be done keeps them out of nothing.
async fn hash_anew(
    context: &Context,
    hasher: &Hasher,
    password: &Password,
    holder: &Holder,
    stored: Option<&StoredHash>,
) {
    let done = async {
        let Some(stored) = stored else { return Ok(()) };
        if hasher.is_of_today(stored)? {
            return Ok(());
        }
        let today = hasher.hash(password, chance::bytes())?;
        context.tables.attempts.credentials.rehash(holder, stored, &today).await.map_err(ApiError::from)
    };
    if let Err(error) = done.await {
        tracing::error!(?error, "hash not made anew");
    }
}

async fn open_session(
    context: &Context,
    claim: &Claim<'_>,
    form: &Form,
    counted: &Counted,
    holder: &Holder,
) -> Result<Response, ApiError> {
    tell(claim, counted.class, true);
    let caller = claim.caller;
    let (session, ticket) = new_session(caller, form, holder);
    let device = claim.device_after(counted.class);
    // A client without cookies has no place to keep a device's.
    let known = (form.transport == Transport::Cookie)
        .then(|| Device::known(holder.account.clone(), &device, session.version, caller.now));
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
    Ok(match form.transport {
        Transport::Cookie => claim.make_known(answer, &device),
        Transport::Bearer => answer,
    })
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
    for_one_who_speaks(holder.speaks, response)
}
