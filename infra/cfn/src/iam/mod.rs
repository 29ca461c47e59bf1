//! IAM policies: parsing their statements, and deciding whether a principal may make an AWS call.

mod condition;
mod dynamodb;
mod evaluator;
mod expression;
pub(crate) mod policy;
mod request;

pub use evaluator::{AuthorizationError, PolicyEvaluator, mailbox_address};
pub use policy::{Grant, PolicyCondition, PolicyStatement};
