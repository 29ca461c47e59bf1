//! The assurance case of `.github/SECURITY.md` speaks of tests that are there.

use guichet_tests::{sources, workspace};
use std::collections::BTreeMap;

#[test]
fn every_claim_quotes_existing_tests() {
    // Those of one name together.
    let mut files = BTreeMap::<_, String>::new();
    for (path, text) in sources(&["tests", "functions"]) {
        files.entry(path.file_name().expect("a name").to_string_lossy().into_owned()).or_default().push_str(&text);
    }
    let document = std::fs::read_to_string(workspace().join(".github/SECURITY.md")).expect("the assurance case");

    let words = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut named = 0;
    for word in words(&document) {
        let bare = word.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || "_:./-".contains(one));
        if let (true, Some((file, test))) = (bare, word.split_once("::")) {
            let text = files.get(&format!("{file}.rs")).unwrap_or_else(|| panic!("{word}: no such file"));
            assert!(text.contains(&format!("fn {test}(")), "{word}: no such test");
            named += 1;
        } else if bare && word.contains(".rs") {
            assert!(files.contains_key(&word), "{word}: no such file");
        }
    }
    assert!(named > 100, "only {named} tests are named");
    let (_, case) = document.split_once("## The assurance case").expect("the case");
    for promise in case.split("\n### ").skip(1) {
        let title = promise.lines().next().unwrap_or_default();
        assert!(words(promise).iter().any(|word| word.contains("::")), "no test shows: {title}");
    }
}
