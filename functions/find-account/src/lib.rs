//! *Outil de recherche du compte unifié*: looks one's account name up, from managed networks only.

use guichet_core::aws::Aws;
use guichet_core::class::Class;
use guichet_core::config::ConfigError;
use guichet_core::keys::{READ_ONCE, Secret};
use guichet_core::mailbox::MailAddress;
use guichet_core::person::{PersonName, is_name};
use guichet_core::quota::SEARCHES;
use guichet_core::store::directory::{Directory, Found};
use guichet_core::store::throttles::Throttles;
use guichet_http::{ApiError, Caller, Response, Site, json, json_body, route};
use lambda_http::{Request, tracing};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What the function needs.
pub struct Context {
    site: Site,
    names: Secret,
    directory: Directory,
    throttles: Throttles,
}

impl Context {
    /// As the template's variables say.
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (site, names) = tokio::try_join!(Site::from_env(aws), Secret::from_env(aws, "NAMES_SECRET", READ_ONCE))?;
        Ok(Self {
            site,
            names,
            directory: Directory::from_env(&aws.dynamodb)?,
            throttles: Throttles::from_env(&aws.dynamodb)?,
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Name(NameForm),
    Email(EmailForm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameForm {
    family_name: String,
    given_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailForm {
    email: String,
}

/// Answers `POST /api/find-account`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/find-account" => find(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn find(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::of(request, &context.site).await?;
    if caller.network != Class::M {
        return Err(ApiError::NetworkNotManaged);
    }
    let form = json_body(request)?;
    let names = context.names.ring(caller.now).await?;
    let address = format!("find-account#address#{}", caller.whereabouts.key(&names));
    let spendings = SEARCHES.map(|quota| quota.spending(&address, caller.now));
    if let Some(wait) = context.throttles.spend(&spendings, caller.now).await? {
        return Err(ApiError::TooManyAttempts(wait));
    }
    let found = search(&context.directory, form).await?;
    tracing::info!(found = found.len(), device = caller.device, "searched");
    let accounts = found.iter().map(|found| json!({ "account": found.account, "name": found.name.display() }));
    Ok(json(&json!({ "accounts": accounts.collect::<Vec<_>>() })))
}

async fn search(directory: &Directory, form: Form) -> Result<Vec<Found>, ApiError> {
    match form {
        Form::Name(NameForm { family_name, given_name }) => {
            if !is_name(&family_name) || !is_name(&given_name) {
                return Err(ApiError::InvalidRequest);
            }
            Ok(directory.accounts_named(&PersonName { given_name, family_name }).await?)
        }
        Form::Email(EmailForm { email }) => {
            let email = MailAddress::parse(&email).ok_or(ApiError::InvalidRequest)?;
            Ok(directory.accounts_with(&email).await?)
        }
    }
}
