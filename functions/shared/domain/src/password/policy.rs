//! The policy for new passwords. Existing ones are never checked against it.

use super::{Password, blocklist};
use crate::account::AccountName;
use crate::person::{PersonName, fold};
use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// In code points: twice what OWASP ASVS 5.0 6.2.9 asks for.
pub const MAX_LENGTH: usize = 128;
/// In bytes of UTF-8: 128 code points of four bytes.
const MAX_BYTES: usize = 512;
/// A word of at least this many letters may not occur anywhere in a password; a shorter one may not be all of its
/// letters.
const LONG_WORD: usize = 4;

/// Serializes to the API's `policy`, and deserializes from it without `max_length`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordPolicy {
    /// In code points.
    pub min_length: usize,
    /// In code points.
    #[serde(skip_deserializing, default = "max_length")]
    max_length: usize,
    needs_letter: bool,
    needs_digit: bool,
    #[serde(skip)]
    context_words: &'static [String],
}

fn max_length() -> usize {
    MAX_LENGTH
}

/// Serializes to the API's `violations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Violation {
    TooShort,
    /// More than 128 code points or 512 bytes.
    TooLong,
    /// No letter (Unicode L).
    NeedsLetter,
    /// No digit (Unicode Nd).
    NeedsDigit,
    /// In the blocklist, or a context word with only digits and punctuation around it.
    TooCommon,
    ContainsAccount,
    ContainsName,
}

impl PasswordPolicy {
    /// Adds the organization's own words to those of `data/context-words.txt`.
    #[must_use]
    pub fn with_context_words(self, words: impl IntoIterator<Item = String>) -> Self {
        let folded = words.into_iter().map(|word| fold(&word)).filter(|word| !word.is_empty());
        // A policy is made once per process. Leaking the words keeps it `Copy`.
        Self { context_words: folded.collect::<Vec<_>>().leak(), ..self }
    }

    /// All violations; empty if this person may set this password.
    #[must_use]
    pub fn violations(&self, password: &Password, account: &AccountName, name: &PersonName) -> Vec<Violation> {
        let text = password.as_str();
        let length = text.chars().count();
        let has = |wanted: fn(char) -> bool| text.chars().any(wanted);
        let names = [&name.given_name, &name.family_name];
        let findings = [
            (length < self.min_length, Violation::TooShort),
            (length > self.max_length || text.len() > MAX_BYTES, Violation::TooLong),
            (self.needs_letter && !has(is_letter), Violation::NeedsLetter),
            (self.needs_digit && !has(is_digit), Violation::NeedsDigit),
            (self.is_too_common(text), Violation::TooCommon),
            (contains_word(text, account.as_str()), Violation::ContainsAccount),
            (names.into_iter().any(|name| contains_name(text, name)), Violation::ContainsName),
        ];
        findings.into_iter().filter_map(|(found, violation)| found.then_some(violation)).collect()
    }

    fn is_too_common(&self, text: &str) -> bool {
        blocklist::is_most_used(text) || blocklist::is_context_word(text, self.context_words)
    }
}

fn is_letter(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_digit(c: char) -> bool {
    c.general_category() == GeneralCategory::DecimalNumber
}

/// Checks each part of a compound name, and the whole.
fn contains_name(password: &str, name: &str) -> bool {
    name.split([' ', '-', '\'', '’']).chain([name]).any(|part| contains_word(password, part))
}

fn contains_word(password: &str, word: &str) -> bool {
    let (password, word) = (fold(password), fold(word));
    if word.chars().count() >= LONG_WORD {
        password.contains(&word)
    } else {
        !word.is_empty() && password.chars().filter(|c| is_letter(*c)).eq(word.chars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(min_length: usize, needs_letter_and_digit: bool) -> PasswordPolicy {
        let [needs_letter, needs_digit] = [needs_letter_and_digit; 2];
        let rule = json!({ "min_length": min_length, "needs_letter": needs_letter, "needs_digit": needs_digit });
        serde_json::from_value(rule).unwrap()
    }

    fn violations(policy: PasswordPolicy, password: &str) -> Vec<Violation> {
        let name = PersonName { given_name: "Marie-Ève".into(), family_name: "Roy".into() };
        policy.violations(&Password::from_input(&password.into()), &AccountName::parse("tremblam").unwrap(), &name)
    }

    #[test]
    fn default_policy_is_4_characters_letter_and_digit() {
        let policy = of(4, true);
        for good in ["oie7", "é1é2", "٣abc", "    a1", "a1🙂🙂", &"a1".repeat(64)] {
            assert_eq!(violations(policy, good), [], "{good:?}");
        }
        assert_eq!(violations(policy, "ab1"), [Violation::TooShort]);
        assert_eq!(violations(policy, "abcd"), [Violation::NeedsDigit]);
        assert_eq!(violations(policy, "1234"), [Violation::NeedsLetter]);
        assert_eq!(violations(policy, ""), [Violation::TooShort, Violation::NeedsLetter, Violation::NeedsDigit]);
        // A Roman numeral sign is a letter number, ² is no decimal digit; NFKC makes them I and 2.
        assert_eq!(violations(policy, "Ⅰ²ab"), []);
        assert_eq!(violations(policy, &format!("1{}", "a".repeat(128))), [Violation::TooLong]);
        assert_eq!(violations(policy, &format!("a1{}", "🙂".repeat(127))), [Violation::TooLong]);
    }

    #[test]
    fn nist_profile_requires_length_alone() {
        let policy = of(15, false);
        assert_eq!(violations(policy, "quinze lettres!"), []);
        assert_eq!(violations(policy, "quatorze      "), [Violation::TooShort]);
    }

    #[test]
    fn blocklist_and_context_words_are_too_common() {
        let policy = of(4, true);
        for common in ["abc1", "ABC1", "ａｂｃ１", "Montréal2026", "hiver-26!"] {
            assert_eq!(violations(policy, common), [Violation::TooCommon], "{common:?}");
        }
        assert_eq!(violations(policy, "password"), [Violation::NeedsDigit, Violation::TooCommon]);

        let profile = of(15, false);
        for common in ["PasswordPassword", "123456789012345", "Mot de passe 2026"] {
            assert_eq!(violations(profile, common), [Violation::TooCommon], "{common:?}");
        }

        assert_eq!(violations(policy, "Pavillon-Lévis7"), []);
        let policy = policy.with_context_words(["Pavillon Lévis".into(), " - ".into()]);
        assert_eq!(violations(policy, "Pavillon-Lévis7"), [Violation::TooCommon]);
        assert_eq!(violations(policy, "montreal1"), [Violation::TooCommon]);
        assert_eq!(violations(policy, "1234"), [Violation::NeedsLetter]);
    }

    #[test]
    fn own_names_are_refused() {
        let policy = of(4, true);
        assert_eq!(violations(policy, "xTremblaM9"), [Violation::ContainsAccount]);
        assert_eq!(violations(policy, "marié2026"), [Violation::ContainsName]);
        // "Roy" and "Ève" are short: refused where they are all the letters, not where they occur in a longer word.
        assert_eq!(violations(policy, "roy2026"), [Violation::ContainsName]);
        assert_eq!(violations(policy, "royaume7"), []);
    }
}
