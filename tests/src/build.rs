//! The binaries under test, and the sources.

use guichet_local::cargo_build::INHERITED_CARGO_VARS;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

#[must_use]
pub fn workspace() -> &'static Path {
    static WORKSPACE: OnceLock<PathBuf> = OnceLock::new();
    WORKSPACE.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace"))
}

/// The path of `guichet-admin`. The first call builds it, because `cargo test` builds no binary of another package.
#[must_use]
pub fn admin_binary() -> PathBuf {
    static ADMIN: OnceLock<PathBuf> = OnceLock::new();
    ADMIN.get_or_init(|| build(&["--bin", "guichet-admin"]).join("guichet-admin")).clone()
}

/// The path of `guichet-local`. The first call builds all binaries, the functions among them.
#[must_use]
pub fn local_binary() -> PathBuf {
    static LOCAL: OnceLock<PathBuf> = OnceLock::new();
    LOCAL.get_or_init(|| build(&["--bins"]).join("guichet-local")).clone()
}

fn build(binaries: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    for name in INHERITED_CARGO_VARS {
        cargo.env_remove(name);
    }
    let built = cargo.arg("build").args(binaries).current_dir(workspace()).status();
    assert!(built.expect("cargo runs").success(), "the binaries are built");
    // This test's executable is in target/debug/deps.
    let test = std::env::current_exe().expect("this test's path");
    test.parent().and_then(Path::parent).expect("target/debug").to_owned()
}

/// The paths of the site's pages except 404, the front page first.
#[must_use]
pub fn pages() -> Vec<String> {
    let files = std::fs::read_dir(workspace().join("static-site")).expect("the site");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let pages = names.filter_map(|name| Some(name.strip_suffix(".html")?.to_owned())).filter(|page| page != "404");
    let mut pages: Vec<_> = pages.map(|page| if page == "index" { "/".into() } else { format!("/{page}") }).collect();
    pages.sort();
    assert!(pages.len() >= 7 && pages[0] == "/", "{pages:?}");
    pages
}

/// The Rust files in these folders of the workspace, with their paths relative to the workspace.
#[must_use]
pub fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in folders {
        look(Path::new(folder), &mut found);
    }
    found
}

fn look(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(workspace().join(folder)).expect("a folder") {
        let path = folder.join(entry.expect("an entry").file_name());
        if workspace().join(&path).is_dir() {
            look(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(workspace().join(&path)).expect("a text");
            found.push((path, text));
        }
    }
}
