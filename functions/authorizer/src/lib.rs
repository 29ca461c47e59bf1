//! A Lambda authorizer for the organization's other routes behind the same gateway: HTTP API, type REQUEST, payload
//! format 2.0, simple responses
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>).
//!
//! It only reads. Use of another route does not extend a session's idle timeout, so its permissions can be smaller than those of
//! `session`.

use guichet_domain::session::{AuthenticatedSession, SessionToken, Transport};
use guichet_http::bearer_token;
use guichet_platform::aws::Aws;
use guichet_platform::clock;
use guichet_platform::env::ConfigError;
use guichet_platform::log::error_chain;
use guichet_store::StoreError;
use guichet_store::credentials::Credentials;
use guichet_store::sessions::Sessions;
use lambda_runtime::{Error, LambdaEvent, tracing};
use serde_json::{Value, json};

pub struct Authorizer {
    sessions: Sessions,
    credentials: Credentials,
}

impl Authorizer {
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        Ok(Self { sessions: Sessions::from_env(client)?, credentials: Credentials::from_env(client)? })
    }

    /// Answers `isAuthorized` and, in `context`, `account` and `name` for the route's integration. A store error is
    /// returned as an error: the gateway answers 500 and does not cache it.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let session = self.authenticate(&event.payload).await.inspect_err(|error| {
            tracing::error!(error.chain = error_chain(error), "dependency unavailable");
        })?;
        tracing::info!(outcome = if session.is_some() { "success" } else { "refused" }, "authorization checked");
        Ok(match session {
            Some(AuthenticatedSession { session, name, .. }) => {
                json!({ "isAuthorized": true, "context": { "account": session.account, "name": name.display() } })
            }
            None => json!({ "isAuthorized": false }),
        })
    }

    async fn authenticate(&self, event: &Value) -> Result<Option<AuthenticatedSession>, StoreError> {
        let header = event["headers"]["authorization"].as_str().unwrap_or_default();
        let Some(token) = bearer_token(header).and_then(SessionToken::parse) else { return Ok(None) };
        self.sessions.authenticate(&self.credentials, &token, Transport::Bearer, clock::now()).await
    }
}
