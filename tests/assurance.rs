//! Checks the documents: the tests, files, and promises that they name exist, and relative links have a target.

#![expect(clippy::expect_used, reason = "a missing file or section fails the test")]

use guichet_tests::{sources, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The root `README.md` is checked as well.
const FOLDERS: [&str; 4] = [".github", "functions", "infra", "tests"];

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(workspace().join(path)).expect("a file")
}

fn section<'a>(text: &'a str, title: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n## {title}\n")).expect("the section");
    rest.split("\n## ").next().unwrap_or_default()
}

/// The inline code of a document.
fn inline_code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn assert_quotes_tests(part: &str) {
    let title = part.lines().next().unwrap_or_default();
    assert!(inline_code(part).any(|code| code.contains("::")), "no test verifies: {title}");
}

#[test]
fn every_claim_quotes_existing_tests() {
    // Files of the same name together.
    let mut files = BTreeMap::<_, String>::new();
    for (path, text) in sources(&["tests", "functions"]) {
        files.entry(path.file_name().expect("a name").to_string_lossy().into_owned()).or_default().push_str(&text);
    }
    let (policy, case, asvs) = (read(".github/SECURITY.md"), read(".github/ASSURANCE.md"), read(".github/ASVS.md"));

    let mut named = 0;
    for code in [&policy, &case, &asvs].into_iter().flat_map(|document| inline_code(document)) {
        let bare = code.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || "_:./-".contains(one));
        if let (true, Some((file, test))) = (bare, code.split_once("::")) {
            let text = files.get(&format!("{file}.rs")).unwrap_or_else(|| panic!("{code}: no such file"));
            assert!(text.contains(&format!("fn {test}(")), "{code}: no such test");
            named += 1;
        } else if bare && code.contains(".rs") {
            assert!(files.contains_key(code), "{code}: no such file");
        }
    }
    assert!(named > 100, "only {named} tests are named");
    let promises = section(&case, "Promises").split("\n### ").skip(1);
    promises.for_each(assert_quotes_tests);
    assert_quotes_tests(section(&case, "Supporting controls"));
    asvs.split("\n## ").skip(1).for_each(assert_quotes_tests);
}

#[test]
fn cited_promises_exist() {
    let case = read(".github/ASSURANCE.md");
    for (path, text) in sources(&["tests", "functions", "infra"]) {
        // A comment may break the line between the word and its number.
        let words: Vec<_> = text.split_whitespace().filter(|word| !word.starts_with("//")).collect();
        for number in words.join(" ").split("promise ").skip(1) {
            let number: String = number.chars().take_while(char::is_ascii_digit).collect();
            let exists = number.is_empty() || case.contains(&format!("\n### Promise {number}: "));
            assert!(exists, "{}: no promise {number}", path.display());
        }
    }
}

#[test]
fn relative_links_lead_to_files_and_headings() {
    let mut documents = BTreeMap::from([(PathBuf::from("README.md"), read("README.md"))]);
    for folder in FOLDERS {
        collect_markdown(Path::new(folder), &mut documents);
    }
    let mut links = 0;
    for (path, text) in &documents {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { resolve(path, file) };
            assert!(workspace().join(&target).exists(), "{}: {link}: no such file", path.display());
            let known = heading.is_empty() || documents.get(&target).is_some_and(|it| anchors(it).contains(heading));
            assert!(known, "{}: {link}: no such heading", path.display());
            links += 1;
        }
    }
    assert!(links > 50, "only {links} links are found");
}

fn collect_markdown(folder: &Path, documents: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(workspace().join(folder)).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let path = folder.join(&name);
        if workspace().join(&path).is_dir() {
            if name != "node_modules" && name != "target" {
                collect_markdown(&path, documents);
            }
        } else if path.extension().is_some_and(|it| it == "md") {
            documents.insert(path.clone(), read(&path));
        }
    }
}

/// The path in the workspace of a link in `document`.
fn resolve(document: &Path, link: &str) -> PathBuf {
    let mut path = document.parent().expect("a folder").to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{link} leaves the repository"),
            part => path.push(part),
        }
    }
    path
}

/// The anchors that GitHub derives from the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let title = line.trim_start_matches('#');
        if !is_code && title.len() < line.len() && title.starts_with(' ') {
            let title = title.trim().to_lowercase().replace(' ', "-");
            anchors.insert(title.chars().filter(|it| it.is_alphanumeric() || "-_".contains(*it)).collect());
        }
    }
    anchors
}
