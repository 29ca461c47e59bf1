//! The organization-wide user name (*compte unifié*).

use serde::{Deserialize, Serialize};
use std::fmt;

const MAX_LENGTH: usize = 64;

/// An account name in canonical form: 1 to 64 of `a-z 0-9 . _ - @`.
///
/// It says nothing about whether such an account exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an account name: expected 1 to {MAX_LENGTH} letters, digits, or . _ - @")]
pub struct InvalidAccountName;

impl AccountName {
    /// Parses an account name as people enter it: surrounding ASCII white space and a leading `DOMAIN\` are removed,
    /// and capitals become lower case.
    pub fn parse(input: &str) -> Result<Self, InvalidAccountName> {
        let trimmed = input.trim_ascii();
        let name = match trimmed.split_once('\\') {
            Some((domain, name)) if is_valid(domain) => name,
            Some(_) => return Err(InvalidAccountName),
            None => trimmed,
        };
        if is_valid(name) { Ok(Self(name.to_ascii_lowercase())) } else { Err(InvalidAccountName) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_valid(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountName {
    type Error = InvalidAccountName;
    fn try_from(input: String) -> Result<Self, Self::Error> {
        Self::parse(&input)
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
    fn account_name_is_normalized() {
        for input in ["tremblam", "  TremblaM\t", "CHUM\\tremblam", "reseau.local\\TREMBLAM", "\ntremblam\r\n"] {
            assert_eq!(AccountName::parse(input).unwrap().as_str(), "tremblam", "{input:?}");
        }
        assert_eq!(AccountName::parse("a.b_c-d@e").unwrap().as_str(), "a.b_c-d@e");
        assert!(AccountName::parse(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn invalid_account_names_are_refused() {
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
        for input in odd {
            assert_eq!(AccountName::parse(input), Err(InvalidAccountName), "{input:?}");
        }
    }
}
