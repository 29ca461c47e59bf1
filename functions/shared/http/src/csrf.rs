//! CSRF protection: a request that changes something must come from the portal's own pages.

use crate::ApiError;
use lambda_http::Request;
use lambda_http::http::{HeaderName, Method, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Browsers send `Sec-Fetch-Site`, older ones `Origin`. A client that sends neither is not a browser, so CSRF does not
/// apply to it.
pub(crate) fn reject_cross_origin(request: &Request, origin: &str) -> Result<(), ApiError> {
    if request.method() == Method::GET {
        return Ok(());
    }
    let headers = request.headers();
    let is_same_origin = match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(sender)) => sender == origin,
        (None, None) => true,
    };
    is_same_origin.then_some(()).ok_or(ApiError::CrossSite)
}
