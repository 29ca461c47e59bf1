//! Passwords: normalization, the policy for new ones, and hashing.

mod blocklist;
mod hashing;
mod policy;

pub use hashing::{Argon2Params, HashMemory, HashParams, Hasher, HashingError, StoredHash};
pub use policy::{MAX_LENGTH, PasswordPolicy, Violation};

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

/// A password in NFKC (NIST SP 800-63B-4, 3.1.1.2); otherwise as it was entered, never trimmed or cut.
pub struct Password(SecretString);

impl Password {
    #[must_use]
    pub fn from_input(input: &SecretString) -> Self {
        Self(input.expose_secret().nfkc().collect::<String>().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

/// Compares a new password with its confirmation. It is not for verification, which compares hashes in constant time.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
