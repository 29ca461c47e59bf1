//! The DynamoDB tables: one module each, and the operations that write several of them at once.
//!
//! Attribute names and expressions occur only here and in the desk's store (`infra/admin/src/store`). Every effect that
//! must happen once is one conditional write, whose outcome is an enum. A throttle, a timeout, or a lost race is a
//! [`StoreError`], never an outcome.

pub mod credentials;
pub mod delivery;
pub mod devices;
pub mod directory;
pub mod events;
pub mod link_requests;
pub mod login_attempts;
pub mod mail_requests;
pub mod password_update;
pub mod sessions;
pub mod sign_in;
pub mod table;
pub mod throttles;
pub mod tokens;
pub mod transaction;

pub use table::{MAX_BATCH_GET, MAX_BATCH_WRITE, StoreError, Table};
