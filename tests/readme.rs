//! The figures in README.md come from files.

#![expect(clippy::expect_used, reason = "a missing file or section fails the test")]

use guichet_tests::workspace;
use std::collections::BTreeSet;

fn read(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).expect("a file")
}

fn section<'a>(text: &'a str, title: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n## {title}\n")).expect("the section");
    rest.split("\n## ").next().unwrap_or_default()
}

/// Decimal numbers with a fraction, such as `3.47`.
fn fractions(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    words.filter(|word| word.contains('.')).collect()
}

#[test]
fn measured_figures_come_from_the_results() {
    let (readme, results) = (read("README.md"), read("tests/bench/RESULTS.md"));
    let (quoted, measured) = (fractions(section(&readme, "Benchmarks")), fractions(&results));
    assert!(quoted.len() >= 10, "{quoted:?}");
    let unknown: Vec<_> = quoted.difference(&measured).collect();
    assert!(unknown.is_empty(), "not in RESULTS.md: {unknown:?}");
}

#[test]
fn counts_come_from_their_sources() {
    let readme = read("README.md");
    let blocklist = read("functions/shared/domain/data/README.md");
    let faults = read("tests/FAULTS.md").lines().filter(|line| line.starts_with("| F-")).count();
    assert!(readme.contains("102,853 common passwords") && blocklist.contains("102,853 passwords"));
    assert!(faults == 50 && readme.contains("Fifty faults"), "{faults}");
    assert!(guichet_tests::INVARIANTS.len() == 13 && readme.contains("thirteen invariants"));
}
