//! Makes `data/blocklist.fst`, the passwords that are too common, from two lists that are ranked by use.
//! `data/blocklist.sh` fetches the lists and calls this; `data/README.md` says where they come from.

use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;

/// The lists, in the order of the arguments, by their SHA-256: the same lists make the same bytes.
const LISTS: [&str; 2] = [
    "bd84dbc84ce113fcf0b9489a8d6f665e52db43b5332937ad7a216405cb8ab7cf",
    "23f6d0966ef823a5cc746234e49bbf95eff14f8e425eca9263cdeaec6e11285f",
];
/// Of the passwords that the default rule lets through.
const DEFAULT_RULE: usize = 100_000;
/// Of the passwords that the conforming profile lets through: as many as OWASP ASVS 5.0 6.2.4 asks for.
const CONFORMING_PROFILE: usize = 3_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [john, burnett, made] = arguments.as_slice() else {
        return Err("usage: blocklist PASSWORD.LST COMMON-PASSWORDS.TXT BLOCKLIST.FST".into());
    };
    let lists = [read(john, LISTS[0])?, read(burnett, LISTS[1])?];
    let has = |password: &str, wanted: fn(&u8) -> bool| password.as_bytes().iter().any(wanted);
    let default_rule = most_used(DEFAULT_RULE, &lists, |password| {
        password.len() >= 4 && has(password, u8::is_ascii_alphabetic) && has(password, u8::is_ascii_digit)
    });
    let conforming_profile = most_used(CONFORMING_PROFILE, &lists, |password| password.len() >= 15);
    let set = fst::Set::from_iter(default_rule.union(&conforming_profile))?;
    std::fs::write(made, set.as_fst().as_bytes())?;
    println!("{made}: {} passwords, {} bytes", set.len(), set.as_fst().as_bytes().len());
    Ok(())
}

/// The passwords of a list, most used first, in lower case. The few that are not ASCII are far from its top.
fn read(path: &str, expected: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut digest = String::new();
    for byte in Sha256::digest(&text) {
        write!(digest, "{byte:02x}")?;
    }
    if digest != expected {
        return Err(format!("{path}: its SHA-256 is {digest}, not {expected}").into());
    }
    let passwords = text.lines().filter(|line| line.is_ascii() && !line.starts_with("#!comment"));
    Ok(passwords.map(str::to_ascii_lowercase).collect())
}

/// The first passwords that comply, taken from the lists in turn.
fn most_used(count: usize, lists: &[Vec<String>; 2], complies: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    let [john, burnett] = lists.each_ref().map(|list| list.iter().map(String::as_str).filter(|one| complies(one)));
    let mut taken = BTreeSet::new();
    for password in john.zip(burnett).flat_map(<[&str; 2]>::from) {
        if taken.len() == count {
            break;
        }
        taken.insert(password);
    }
    taken
}
