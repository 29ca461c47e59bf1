//! Keys of the Throttles table.

use crate::client::ClientClass;
use crate::keys::AccountPseudonym;
use crate::secret::DeviceKeyHash;

/// The key of a counter: what it counts, followed by pseudonyms. The first segment is the function that owns it; IAM
/// policies limit each function to its own prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter(String);

impl Counter {
    /// Failed sign-ins of an account from managed networks, or from untrusted ones.
    #[must_use]
    pub fn login_failures(account: &AccountPseudonym, class: ClientClass) -> Self {
        Self(format!("login#{}#{}", class.code(), account.as_str()))
    }

    /// Failed sign-ins of an account on one known device.
    #[must_use]
    pub fn device_login_failures(account: &AccountPseudonym, device: &DeviceKeyHash) -> Self {
        Self(format!("login#{}#{}#{}", ClientClass::KnownDevice.code(), account.as_str(), device.as_str()))
    }

    /// Failed sign-ins from one untrusted source, given by its pseudonym.
    #[must_use]
    pub fn source_login_failures(source: &str) -> Self {
        Self(format!("login#address#{source}"))
    }

    /// Failed sign-ins from all untrusted sources.
    #[must_use]
    pub fn circuit_breaker() -> Self {
        Self("login#circuit-breaker".to_owned())
    }

    pub(crate) fn new(key: String) -> Self {
        Self(key)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
