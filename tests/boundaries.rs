//! What a compiler does not hold: which package may know what, and how long a file may be.

#![expect(clippy::expect_used, reason = "what is unwrapped here is held by the test")]

use guichet_tests::{sources, workspace};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Lines of the longest file.
const LONGEST: usize = 400;

/// The dependencies of each package of the workspace, dev-dependencies left out.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let told = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let named = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|it| it["kind"].is_null()).map(|it| text(&it["name"])).collect()
    };
    let packages = told["packages"].as_array().expect("packages").iter();
    packages.map(|package| (text(&package["name"]), named(package))).collect()
}

/// The functions are the folders of `functions/` but the one that they share.
fn functions() -> BTreeSet<String> {
    let entries =
        std::fs::read_dir(workspace().join("functions")).expect("the functions").map(|it| it.expect("a folder"));
    let folders = entries
        .filter(|it| it.path().join("Cargo.toml").is_file())
        .map(|it| it.file_name().to_string_lossy().into_owned());
    folders.filter(|name| name != "shared").collect()
}

#[test]
fn dependencies_point_one_way() {
    let (named, functions) = (named(), functions());
    let ours: BTreeSet<String> = named.keys().cloned().collect();
    let of_ours = |package: &str| named[package].intersection(&ours).cloned().collect::<Vec<_>>();
    let shared = ["guichet-domain", "guichet-http", "guichet-platform", "guichet-store"];
    for function in &functions {
        assert!(
            of_ours(function).iter().all(|it| shared.contains(&it.as_str())),
            "{function}: {:?}",
            of_ours(function)
        );
    }
    assert_eq!(of_ours("guichet-domain"), [""; 0]);
    assert_eq!(of_ours("guichet-platform"), ["guichet-domain"]);
    assert_eq!(of_ours("guichet-store"), ["guichet-domain", "guichet-platform"]);
    assert_eq!(of_ours("guichet-http"), ["guichet-domain", "guichet-platform", "guichet-store"]);
    assert_eq!(of_ours("guichet-local"), [""; 0], "the local stack knows the functions by the template alone");
    for (dependency, allowed) in [
        ("aws-sdk-sesv2", &["mailer"][..]),
        ("argon2", &["guichet-domain"]),
        ("aws-sdk-secretsmanager", &["guichet-platform"]),
        ("aws-config", &["guichet-admin"]),
        ("dynoxide-rs", &["guichet-local"]),
    ] {
        let who =
            named.iter().filter(|(package, names)| !package.starts_with("guichet-tests") && names.contains(dependency));
        let who: Vec<_> = who.map(|(package, _)| package.as_str()).filter(|it| *it != "guichet-floors").collect();
        assert_eq!(who, allowed, "{dependency}");
    }
    for lower in ["guichet-domain", "guichet-platform", "guichet-store"] {
        for crate_of_lambda in ["lambda_http", "lambda_runtime"] {
            assert!(!named[lower].contains(crate_of_lambda), "{lower} depends on {crate_of_lambda}");
        }
    }
    assert!(!named["guichet-domain"].iter().any(|it| it.starts_with("aws-")), "the domain depends on AWS");
}

#[test]
fn what_a_table_is_asked_is_spelled_in_the_store_alone() {
    for (file, text) in sources(&["functions", "infra"]) {
        let spells = ["_expression(", "AttributeValue::"].iter().any(|word| text.contains(word));
        let allowed = ["functions/shared/store/src", "infra/admin/src/store"].iter().any(|it| file.starts_with(it));
        assert!(!spells || allowed, "{} spells an expression or an attribute", file.display());
    }
}

#[test]
fn no_file_is_longer_than_one_reads_at_once() {
    for (file, text) in sources(&["functions", "infra", "tests"]) {
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", file.display());
    }
}
