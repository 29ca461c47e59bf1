//! *M'inscrire au service*: the first claim of an account.

use guichet_core::store::mail_request::Kind;
use guichet_http::{ApiError, Door, Response, route};
use lambda_http::Request;
use std::sync::Arc;

/// Answers `POST /api/register`.
pub async fn handle(door: Arc<Door>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/register" => door.ask(Kind::Register, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}
