//! Blocklist: the most used passwords, and context words (the place, the trade, the organization).
//! `data/README.md` in this crate describes the lists and how they are made.

use crate::person::fold;
use fst::Set;

/// An [`fst::Set`] of passwords in lower case. It is searched in place, without loading or unpacking.
const MOST_USED: &[u8] = include_bytes!("../../data/blocklist.fst");
/// Folded words, one per line.
const CONTEXT_WORDS: &str = include_str!("../../data/context-words.txt");

pub(super) fn is_most_used(password: &str) -> bool {
    most_used().contains(password.to_lowercase())
}

/// Whether the password is a context word, or one of `own` (folded), with only digits and punctuation around it.
pub(super) fn is_context_word(password: &str, own: &[String]) -> bool {
    let folded = fold(password);
    let all_digits = |text: &str| text.chars().all(char::is_numeric);
    let decorated = |word: &str| {
        folded.match_indices(word).any(|(at, _)| all_digits(&folded[..at]) && all_digits(&folded[at + word.len()..]))
    };
    CONTEXT_WORDS.lines().chain(own.iter().map(String::as_str)).any(decorated)
}

#[expect(clippy::expect_used, reason = "the bytes are part of the program, and a test verifies them")]
fn most_used() -> Set<&'static [u8]> {
    Set::new(MOST_USED).expect("the embedded set is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fst::Streamer;

    #[test]
    fn blocklist_matches_its_readme() {
        let set = most_used();
        set.as_fst().verify().unwrap();
        let (mut default_rule, mut conforming_profile) = (0, 0);
        let mut passwords = set.stream();
        while let Some(password) = passwords.next() {
            assert!(password.is_ascii() && !password.iter().any(u8::is_ascii_uppercase), "{password:?}");
            let has = |wanted: fn(&u8) -> bool| password.iter().any(wanted);
            let default = password.len() >= 4 && has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit);
            assert!(default || password.len() >= 15, "{password:?}");
            default_rule += usize::from(default);
            conforming_profile += usize::from(password.len() >= 15);
        }
        assert_eq!((set.len(), default_rule, conforming_profile), (102_853, 101_016, 3_000));
    }

    #[test]
    fn blocklist_ignores_case() {
        for password in [
            "password1",
            "Password1",
            "PASSWORD1",
            "abc123",
            "a1b2c3",
            "trustno1",
            "1qaz2wsx",
            "q1w2e3r4",
            "p@ssw0rd",
            "azerty123",
            "soleil1",
            "doudou1",
            "marseille13",
            "abc1",
            "a1b2",
            "1q2w",
            "passwordpassword",
            "123456789012345",
            "cristianoronaldo",
        ] {
            assert!(is_most_used(password), "{password}");
        }
    }

    #[test]
    fn blocklist_matches_whole_passwords_only() {
        for password in [
            "",
            "password1 ",
            " password1",
            "pässword1",
            "password1password1",
            "passwrod1",
            "trustno1!",
            "trustno",
            "abc1\u{301}",
            "1qaz2wsx3edd",
            "xq7",
            "cristianoronaldoo",
            "passwordpasswor",
        ] {
            assert!(!is_most_used(password), "{password}");
        }
    }

    #[test]
    fn context_words_are_folded_sorted_and_unique() {
        let words: Vec<_> = CONTEXT_WORDS.lines().collect();
        assert!(words.is_sorted() && words.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(words.iter().all(|word| fold(word) == *word && word.chars().all(char::is_alphabetic)));
    }

    #[test]
    fn context_word_matches_with_digits_and_punctuation_around() {
        let own = ["otterburn".to_owned(), "pavillon4".to_owned()];
        for (password, found) in [
            ("Montréal2026", true),
            ("2026Montréal!", true),
            ("!!12-MONTREAL-26!!", true),
            ("CHUM1234", true),
            ("CIUSSS#2026", true),
            ("hôpital1", true),
            ("Été2026", true),
            ("Hiver2025-2026", true),
            ("août٢٠٢٦", true),
            ("MotDePasse15!", true),
            ("mot de passe 1", true),
            ("Bienvenue!!1", true),
            ("guichet0", true),
            ("Otterburn7", true),
            ("7pavillon47", true),
            ("pavillon5", false),
            ("montreal2026a", false),
            ("montrealaise1", false),
            ("xmontreal1", false),
            ("montrealquebec1", false),
            ("mont2026real", false),
            ("chumps12", false),
            ("20261234", false),
            ("!!!!", false),
            ("", false),
        ] {
            assert_eq!(is_context_word(password, &own), found, "{password}");
        }
        assert!(!is_context_word("otterburn7", &[]));
    }
}
