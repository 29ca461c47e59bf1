//! People's names, as the directory gives them.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Characters of a given name, and of a family name, at most.
const LONGEST_NAME: usize = 100;

/// The language in which a person gets mail and pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French of Canada, the first language.
    #[default]
    Fr,
    /// English of Canada.
    En,
}

impl Language {
    /// All that there are.
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// What directories call it, each [`fold`]ed.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Fr => &["fr", "frca", "francais", "french", "f"],
            Self::En => &["en", "enca", "anglais", "english", "a"],
        }
    }

    /// Its tag (RFC 5646).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Fr => "fr-CA",
            Self::En => "en-CA",
        }
    }
}

/// A person's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PersonName {
    /// *Prénom*.
    pub given_name: String,
    /// *Nom*.
    pub family_name: String,
}

impl PersonName {
    /// The name as it is shown: given name, then family name.
    #[must_use]
    pub fn display(&self) -> String {
        format!("{} {}", self.given_name, self.family_name).trim().to_owned()
    }

    /// What the directory's index by name holds.
    #[must_use]
    pub fn folded(&self) -> String {
        format!("{}|{}", fold(&self.family_name), fold(&self.given_name))
    }
}

/// Whether a text can be a given or a family name: it has letters, is not longer than a name can be, and has no breaks.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !fold(text).is_empty() && text.chars().count() <= LONGEST_NAME && !text.contains(char::is_control)
}

/// A name without what people spell differently: case, accents, hyphens, spaces, apostrophes.
#[must_use]
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    // Decomposed, an accent is a character of its own and falls away with the punctuation.
    for letter in name.nfkd().flat_map(char::to_lowercase) {
        match letter {
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            letter if letter.is_alphanumeric() => folded.push(letter),
            _ => {}
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn names_match_however_they_are_spelled() {
        for (one, other) in [
            ("Marie-Ève", "marie eve"),
            ("L’Écuyer", "L'ECUYER"),
            ("Nuñez", "NUNEZ"),
            ("Lebœuf", "leboeuf"),
            ("D’Amours", "damours"),
            ("St-Pierre", "St Pierre"),
        ] {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("Roy"), fold("Roi"));
        assert_eq!(fold("-"), "");
    }
}
