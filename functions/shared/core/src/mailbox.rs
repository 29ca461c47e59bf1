//! Mail addresses, as the directory knows them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A mail address of the directory. Never logged, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailAddress(String);

impl MailAddress {
    /// Reads an address as a directory or a person spells it: surrounding white space and capitals do not count.
    /// Only what no mail address can be is refused; whether it takes mail is for the mail system to tell.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let address = text.trim().to_lowercase();
        let (local, domain) = address.rsplit_once('@')?;
        let sound = !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            // RFC 5321, 4.5.3.1.3: a path, with its brackets, has at most 256 octets.
            && address.len() <= 254
            && !address.chars().any(|c| c.is_whitespace() || c.is_control() || "<>(),;:\"\\[]".contains(c));
        sound.then_some(Self(address))
    }

    /// The address, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the directory's index by address holds: SHA-256, base64url.
    #[must_use]
    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::MailAddress;

    #[test]
    fn an_address_has_two_halves_and_no_surprises() {
        assert!(
            MailAddress::parse(" Marie.Tremblay@Sante.Example ").unwrap().as_str() == "marie.tremblay@sante.example"
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
            assert!(MailAddress::parse(text).is_none(), "{text:?}");
        }
    }
}
