//! Names and languages of people, as the directory gives them.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Characters of a given name, and of a family name.
const MAX_NAME_LENGTH: usize = 100;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Fr,
    En,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// What directories call the language, [`fold`]ed.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Fr => &["fr", "frca", "francais", "french", "f"],
            Self::En => &["en", "enca", "anglais", "english", "a"],
        }
    }

    /// BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Fr => "fr-CA",
            Self::En => "en-CA",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PersonName {
    /// *Prénom*.
    pub given_name: String,
    /// *Nom*.
    pub family_name: String,
}

impl PersonName {
    /// Given name, then family name.
    #[must_use]
    pub fn display(&self) -> String {
        format!("{} {}", self.given_name, self.family_name).trim().to_owned()
    }

    /// Key of the directory's index by name.
    #[must_use]
    pub fn folded(&self) -> String {
        format!("{}|{}", fold(&self.family_name), fold(&self.given_name))
    }
}

/// Whether a text can be a given or a family name: letters, at most 100 characters, no control characters.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !fold(text).is_empty() && text.chars().count() <= MAX_NAME_LENGTH && !text.contains(char::is_control)
}

/// Removes what people spell differently: case, accents, hyphens, spaces, apostrophes.
#[must_use]
pub fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    // After decomposition an accent is a character of its own and is dropped with the punctuation.
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
    fn fold_ignores_case_accents_and_punctuation() {
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
