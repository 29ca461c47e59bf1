//! *Outil de recherche du compte unifié*: finds account names, on managed networks only.

use guichet_domain::client::ClientClass;
use guichet_domain::email_address::EmailAddress;
use guichet_domain::person::{PersonName, is_name};
use guichet_domain::rate_limit::SEARCHES_PER_SOURCE;
use guichet_http::{ApiError, Caller, Response, Site, json, json_body, route};
use guichet_platform::aws::Aws;
use guichet_platform::env::ConfigError;
use guichet_platform::secrets::{KeySecret, NEVER_REFRESH};
use guichet_store::directory::{Directory, FoundAccount};
use guichet_store::throttles::Throttles;
use lambda_http::{Request, tracing};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

pub struct Context {
    site: Site,
    pseudonym_keys: KeySecret,
    directory: Directory,
    throttles: Throttles,
}

impl Context {
    pub async fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let (site, pseudonym_keys) =
            tokio::try_join!(Site::from_env(aws), KeySecret::from_env(aws, "PSEUDONYM_SECRET", NEVER_REFRESH))?;
        Ok(Self {
            site,
            pseudonym_keys,
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

/// `POST /api/find-account`.
pub async fn handle(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/find-account" => find_account(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn find_account(context: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(request, &context.site).await?;
    if caller.address_class != ClientClass::ManagedNetwork {
        return Err(ApiError::NetworkNotManaged);
    }
    let form = json_body(request)?;
    let pseudonym_keys = context.pseudonym_keys.current(caller.now).await?;
    let source = format!("find-account#address#{}", caller.source.pseudonym(&pseudonym_keys));
    let charges = SEARCHES_PER_SOURCE.map(|limit| limit.new_charge(&source, caller.now));
    if let Some(wait) = context.throttles.charge(&charges, caller.now).await? {
        return Err(ApiError::TooManyAttempts(wait));
    }
    let found = search(&context.directory, form).await?;
    tracing::info!(results = found.len(), device = caller.device, "account search");
    let accounts = found.iter().map(|found| json!({ "account": found.account, "name": found.name.display() }));
    Ok(json(&json!({ "accounts": accounts.collect::<Vec<_>>() })))
}

async fn search(directory: &Directory, form: Form) -> Result<Vec<FoundAccount>, ApiError> {
    match form {
        Form::Name(NameForm { family_name, given_name }) => {
            if !is_name(&family_name) || !is_name(&given_name) {
                return Err(ApiError::InvalidRequest);
            }
            Ok(directory.find_by_name(&PersonName { given_name, family_name }).await?)
        }
        Form::Email(EmailForm { email }) => {
            let email = EmailAddress::parse(&email).ok_or(ApiError::InvalidRequest)?;
            Ok(directory.find_by_email(&email).await?)
        }
    }
}
