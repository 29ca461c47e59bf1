//! Sign-in: the attempt is reserved before it is hashed, and known, unknown and inactive accounts cost the same and
//! are answered alike.

use guichet_core::account::AccountName;
use guichet_core::config::ConfigError;
use guichet_core::keys::{AccountKey, Keys};
use guichet_core::password::{Hasher, Password};
use guichet_core::secret::PlainSessionKey;
use guichet_core::session::{Opening, Remember, Session, SessionTicket, Transport};
use guichet_core::store::Table;
use guichet_core::store::credentials::{Credential, Credentials, Holder};
use guichet_core::store::events::{Events, What};
use guichet_core::store::sessions::Sessions;
use guichet_core::store::sign_in::{Attempt, SignIn, count_attempt};
use guichet_core::store::throttles::Throttles;
use guichet_core::throttle::Counter;
use guichet_core::{aws, chance};
use guichet_http::{ApiError, Caller, Response, Site, json, json_body, route, session_cookie, with_cookie};
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
    pub async fn from_env() -> Result<Self, ConfigError> {
        let aws = aws::config().await;
        let table = |variable| Table::from_env(&aws::dynamodb(&aws), variable);
        let tables = SignIn {
            credentials: Credentials(table("CREDENTIALS_TABLE")?),
            throttles: Throttles(table("THROTTLES_TABLE")?),
            sessions: Sessions(table("SESSIONS_TABLE")?),
            events: Events(table("EVENTS_TABLE")?),
        };
        Ok(Self { site: Site::from_env()?, keys: Keys::from_env(&aws).await?, tables })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    account: String,
    password: String,
    #[serde(default)]
    remember: Remember,
    #[serde(default)]
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
    let caller = Caller::of(request, &context.site)?;
    let form: Form = json_body(request)?;
    let account = AccountName::parse(&form.account)?;
    let (names, peppers) = context.keys.rings().await?;
    let key = AccountKey::of(&account, names);

    let counter = Counter::sign_in(&key, caller.class);
    let tables = &context.tables;
    let attempt = count_attempt(&tables.credentials, &tables.throttles, &account, &counter, caller.now).await?;
    let credential = match attempt {
        Attempt::Counted(credential) => credential,
        Attempt::Refused(wait) => {
            tracing::info!(account.key = key.brief(), client.class = caller.class.letter(), "budget spent");
            return Err(ApiError::TooManyAttempts(wait));
        }
    };

    let stored = credential.as_ref().and_then(Credential::hash);
    let right = Hasher::new(peppers).verify(&Password::typed(&form.password), stored.as_ref())?;
    let holder = credential.map(|credential| credential.holder).filter(|holder| right && holder.standing.active);
    tracing::info!(account.key = key.brief(), client.class = caller.class.letter(), ok = holder.is_some(), "sign-in");
    if let Some(holder) = holder {
        open_session(context, &caller, &form, holder, &counter, &key).await
    } else {
        tables.events.note(&key, &caller.event(What::SignInRefused)).await?;
        Err(ApiError::InvalidCredentials)
    }
}

async fn open_session(
    context: &Context,
    caller: &Caller,
    form: &Form,
    holder: Holder,
    counter: &Counter,
    key: &AccountKey,
) -> Result<Response, ApiError> {
    let ticket = SessionTicket { account: holder.account.clone(), key: PlainSessionKey::from_random(chance::bytes()) };
    let opening = Opening {
        account: holder.account,
        version: holder.standing.version,
        remember: form.remember,
        transport: form.transport,
        device: caller.device.clone(),
    };
    let session = Session::open(opening, &ticket.key, caller.now);
    let presented = caller.presented().map(|(ticket, _)| ticket);
    context.tables.open_session(&session, presented, counter, key, &caller.event(What::SignedIn)).await?;

    let mut answer = json!({
        "account": session.account,
        "name": holder.name.display(),
        "expires_at": session.expires_at().rfc3339(),
    });
    Ok(match form.transport {
        Transport::Cookie => with_cookie(json(&answer), &session_cookie(&ticket, form.remember)),
        Transport::Bearer => {
            answer["token"] = ticket.reveal().into();
            json(&answer)
        }
    })
}
