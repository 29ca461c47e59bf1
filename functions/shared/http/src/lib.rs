//! Requests in, responses out: what the HTTP functions share.
//!
//! Knows HTTP, JSON, cookies, the contract's codes, where a client comes from, which account it claims, and the door at
//! which mails are asked for. What else a function reads and writes is its own story.

mod caller;
mod claim;
mod cookie;
mod door;
mod error;
mod read;
mod reply;
mod serve;
mod user_agent;

pub use caller::{Caller, Site, bearer};
pub use claim::{Claim, Guess};
pub use door::Door;
pub use error::ApiError;
pub use read::{json_body, new_password, path_parameter, route, word};
pub use reply::{Response, accepted, for_one_who_speaks, json, no_content, session_cookie, signed_out, with_cookie};
pub use serve::serve;

/// What the fuzz targets reach that nobody else does.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::cookie::{surplus_devices, value};
    pub use crate::serve::plain;
}
