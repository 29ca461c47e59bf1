//! The organisation-wide user name (*compte unifié*), in its one canonical form.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest account name, in characters.
const MAX_LENGTH: usize = 64;

/// An account name in canonical form: 1 to 64 of `a-z 0-9 . _ - @`.
///
/// Whether such an account exists is another question.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// What was typed cannot be an account name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an account name: 1 to {MAX_LENGTH} letters, digits and . _ - @ are wanted")]
pub struct NotAnAccountName;

impl AccountName {
    /// Reads an account name as people type it: surrounding ASCII white space, a leading `DOMAIN\` and capitals are
    /// accepted and taken away. The only way from text to an account name.
    pub fn parse(typed: &str) -> Result<Self, NotAnAccountName> {
        let trimmed = typed.trim_ascii();
        let name = match trimmed.split_once('\\') {
            Some((domain, name)) if is_spelled(domain) => name,
            Some(_) => return Err(NotAnAccountName),
            None => trimmed,
        };
        if is_spelled(name) { Ok(Self(name.to_ascii_lowercase())) } else { Err(NotAnAccountName) }
    }

    /// The canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_spelled(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountName {
    type Error = NotAnAccountName;
    fn try_from(typed: String) -> Result<Self, Self::Error> {
        Self::parse(&typed)
    }
}

impl From<AccountName> for String {
    fn from(account: AccountName) -> Self {
        account.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_one_form() {
        for typed in ["tremblam", "  TremblaM\t", "CHUM\\tremblam", "reseau.local\\TREMBLAM", "\ntremblam\r\n"] {
            assert_eq!(AccountName::parse(typed).unwrap().as_str(), "tremblam", "{typed:?}");
        }
        assert_eq!(AccountName::parse("a.b_c-d@e").unwrap().as_str(), "a.b_c-d@e");
        assert!(AccountName::parse(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "a".repeat(65);
        let odd = [
            "",
            " ",
            "a b",
            "é",
            "a\0",
            "a/b",
            "a#b",
            "a\\",
            "\\a",
            "A\\B\\c",
            "\u{a0}a",
            "ａ",
            "a\u{200b}",
            "<b>",
            &long,
        ];
        for typed in odd {
            assert_eq!(AccountName::parse(typed), Err(NotAnAccountName), "{typed:?}");
        }
    }
}
