//! Email addresses from the directory.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An email address in lower case. It has no `Debug`, because addresses must not be logged.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Parses an address as a directory or a person writes it. Surrounding white space and case are ignored. Only what
    /// cannot be an address is refused; whether it receives mail is for the mail system to say.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        let is_valid = !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            // RFC 5321, 4.5.3.1.3: a path, with its brackets, has at most 256 octets.
            && address.len() <= 254
            && !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>(),;:\"\\[]".contains(c));
        is_valid.then_some(Self(address))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256, 43 characters of base64url: key of the directory's index by address, and of the mailbox's rate limits.
    #[must_use]
    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::EmailAddress;

    #[test]
    fn email_address_is_validated() {
        assert!(
            EmailAddress::parse(" Marie.Tremblay@Sante.Example ").unwrap().as_str() == "marie.tremblay@sante.example"
        );
        for text in [
            "",
            "marie",
            "@sante.example",
            "marie@",
            "marie@local",
            "a b@c.d",
            "a@b.c,d@e.f",
            "a@b.c\r\nBcc: x@y.z",
            "<a@b.c>",
        ] {
            assert!(EmailAddress::parse(text).is_none(), "{text:?}");
        }
    }
}
