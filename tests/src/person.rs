//! The people in the tests' directory.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Debug)]
pub struct Person {
    pub account: String,
    pub email: String,
    /// *Prénom*.
    pub given_name: &'static str,
    /// *Nom*.
    pub family_name: String,
    /// `fr` or `en`.
    pub language: &'static str,
}

/// The number of French-speaking people available to tests.
const PEOPLE: usize = 600;

/// Accounts to which no link can be mailed.
const UNDELIVERABLE: [&str; 4] = [
    "inactif,inactif@sante.example,Ines,Actif,fr,non",
    "sanscourriel,,Sacha,Courriel,fr,oui",
    "partage1,partage@sante.example,Paul,Partage,fr,oui",
    "partage2,partage@sante.example,Paule,Partage,fr,oui",
];

/// The number of English-speaking people available to tests.
const ENGLISH: usize = 60;

static NEXT: AtomicUsize = AtomicUsize::new(0);
static NEXT_ENGLISH: AtomicUsize = AtomicUsize::new(PEOPLE);

impl Person {
    fn number(n: usize) -> Self {
        let french = n < PEOPLE;
        let (given_name, family_name) =
            if french { ("Marie-Ève", format!("Nº{n:03}")) } else { ("Jane", format!("O'Hara {n:03}")) };
        Self {
            account: format!("compte{n:03}"),
            email: format!("personne{n:03}@sante.example"),
            given_name,
            family_name,
            language: if french { "fr" } else { "en" },
        }
    }

    /// A person whom no other test of this run uses.
    #[must_use]
    pub fn new() -> Self {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(n < PEOPLE, "the directory of the tests has {PEOPLE} people");
        Self::number(n)
    }

    /// A person who prefers English and whom no other test of this run uses.
    #[must_use]
    pub fn english() -> Self {
        let n = NEXT_ENGLISH.fetch_add(1, Ordering::Relaxed);
        assert!(n < PEOPLE + ENGLISH, "the directory of the tests has {ENGLISH} people who read English");
        Self::number(n)
    }

    /// The person's line in the directory.
    #[must_use]
    pub fn line(&self, active: bool) -> String {
        let Self { account, email, given_name, family_name, language } = self;
        let active = if active { "oui" } else { "non" };
        format!("{account},{email},{given_name},{family_name},{language},{active}\n")
    }
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) const HEADER: &str = "compte,courriel,prenom,nom,langue,actif\n";

/// The tests' directory, as CSV.
pub(crate) fn directory() -> String {
    let mut csv = HEADER.to_owned();
    for n in 0..PEOPLE + ENGLISH {
        csv.push_str(&Person::number(n).line(true));
    }
    for line in UNDELIVERABLE {
        writeln!(csv, "{line}").expect("writing to a string");
    }
    csv
}
