//! What a call asks of IAM.

use std::collections::BTreeMap;

/// Values of each condition key that the call has.
pub type RequestContext = BTreeMap<&'static str, Vec<String>>;

/// One action on one resource. A call may need several, all of which must be allowed.
#[derive(Clone, Debug)]
pub struct AccessRequest {
    pub action: String,
    pub resource: String,
    pub context: RequestContext,
}
