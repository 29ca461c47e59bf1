//! *Mot de passe oublié ?*: asks for a link to set a new password.

use guichet_core::store::mail_request::Kind;
use guichet_http::{ApiError, Door, Response, route};
use lambda_http::Request;
use std::sync::Arc;

/// Answers `POST /api/request-reset`.
pub async fn handle(door: Arc<Door>, request: Request) -> Result<Response, ApiError> {
    match route(&request) {
        "POST /api/request-reset" => door.ask(Kind::RequestReset, &request).await,
        _ => Err(ApiError::NoRoute),
    }
}
