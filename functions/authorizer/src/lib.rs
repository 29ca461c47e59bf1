//! Lets other routes behind the same gateway ask who is signed in: a Lambda authorizer for HTTP APIs, of type REQUEST,
//! with payload format 2.0 and simple responses
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>).
//!
//! It reads, and writes nothing: a use elsewhere does not move a session's idle end, so it may do less than `session`.

use guichet_core::aws::Aws;
use guichet_core::clock;
use guichet_core::config::ConfigError;
use guichet_core::log::chain;
use guichet_core::session::{SessionTicket, SignedIn, Transport};
use guichet_core::store::StoreError;
use guichet_core::store::credentials::Credentials;
use guichet_core::store::sessions::Sessions;
use guichet_http::bearer;
use lambda_runtime::{Error, LambdaEvent, tracing};
use serde_json::{Value, json};

/// What the function needs.
pub struct Authorizer {
    sessions: Sessions,
    credentials: Credentials,
}

impl Authorizer {
    /// As the template's variables say.
    pub fn from_env(aws: &Aws) -> Result<Self, ConfigError> {
        let client = &aws.dynamodb;
        Ok(Self { sessions: Sessions::from_env(client)?, credentials: Credentials::from_env(client)? })
    }

    /// Answers whose session's ticket the event's `Authorization` header brings: `isAuthorized`, and `context` with
    /// `account` and `name` for the route's function. A store that fails is an error, which the gateway answers with a
    /// 500 and does not keep.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let signed_in = self.signed_in(&event.payload).await.inspect_err(|error| {
            tracing::error!(error.chain = chain(error), "unavailable");
        })?;
        tracing::info!(ok = signed_in.is_some(), "asked");
        Ok(match signed_in {
            Some(SignedIn { session, name, .. }) => {
                json!({ "isAuthorized": true, "context": { "account": session.account, "name": name.display() } })
            }
            None => json!({ "isAuthorized": false }),
        })
    }

    async fn signed_in(&self, event: &Value) -> Result<Option<SignedIn>, StoreError> {
        let header = event["headers"]["authorization"].as_str().unwrap_or_default();
        let Some(ticket) = bearer(header).and_then(SessionTicket::parse) else { return Ok(None) };
        self.sessions.signed_in(&self.credentials, &ticket, Transport::Bearer, clock::now()).await
    }
}
