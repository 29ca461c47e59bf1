//! Passwords: their one form, the rule for new ones, and their hashes.

mod blocklist;
mod hashing;
mod policy;

pub use hashing::{Cost, Costs, Hasher, HashingError, Memory, StoredHash};
pub use policy::{MAX_LENGTH, PasswordPolicy, Violation};

use unicode_normalization::UnicodeNormalization;

/// A password as it is hashed: NFKC (NIST SP 800-63B-4, 3.1.1.2), otherwise just as typed, never trimmed or cut.
/// It never prints and never derives `Debug`.
pub struct Password(String);

impl Password {
    /// The password that was typed.
    #[must_use]
    pub fn typed(text: &str) -> Self {
        Self(text.nfkc().collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Whether two typed passwords are the same one.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
