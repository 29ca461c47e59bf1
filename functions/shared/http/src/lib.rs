//! What the HTTP functions share: requests, responses, cookies, error codes, CSRF protection, and authentication by
//! password.

mod authentication;
mod caller;
mod cookie;
mod csrf;
mod error;
mod link_requests;
mod request;
mod response;
mod serve;
mod user_agent;

pub use authentication::{Authentication, PasswordCheck};
pub use caller::{Caller, Site, bearer_token};
pub use error::ApiError;
pub use link_requests::{AccountForm, LinkRequestContext};
pub use request::{json_body, new_password, path_parameter, route, string_enum};
pub use response::{
    Response, accepted, json, no_content, session_cookie, signed_out, with_content_language, with_cookie,
};
pub use serve::{respond, serve};

/// Internals for the fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::cookie::{surplus_devices, value};
    pub use crate::serve::sanitize_event;
}
