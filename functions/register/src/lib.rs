//! *M'inscrire au service*: requests a link to set the first password.

use guichet_domain::account::AccountName;
use guichet_domain::mail_request::RequestKind;
use guichet_http::{AccountForm, ApiError, Caller, LinkRequestContext, Response, json_body, route};
use lambda_http::Request;
use std::sync::Arc;

/// `POST /api/register`.
pub async fn handle(context: Arc<LinkRequestContext>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/register" => register(&context, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn register(context: &LinkRequestContext, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(request, &context.site).await?;
    let form: AccountForm = json_body(request)?;
    let account = AccountName::parse(&form.account)?;
    context.submit(RequestKind::Register, account, &caller).await
}
