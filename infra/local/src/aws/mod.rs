//! The AWS services that functions call, at one address: DynamoDB, Secrets Manager, and SES.

mod dynamodb;
mod fault_response;
mod protocol;
mod secrets;
mod server;
mod ses;
mod ses_event;

pub use dynamodb::{Engine, EngineError};
pub use secrets::SecretStore;
pub use server::{Services, router, serve_ses};
pub use ses::Ses;
pub use ses_event::SesEvent;
