//! The routing of the CloudFront Function `infra/edge.js`. `infra/edge-cases.json` tests both.

#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// The path of its file.
    Page(String),
    File(String),
    Redirect(String),
    NotFound,
}

const PAGES: [&str; 6] = [
    "/accessibilite",
    "/changer-mon-mot-de-passe",
    "/inscription",
    "/mon-compte",
    "/mot-de-passe-oublie",
    "/trouver-mon-compte",
];
const FILES: [&str; 4] = ["/favicon.svg", "/robots.txt", "/settings.css", "/settings.json"];
const FOLDERS: [&str; 4] = ["/styles/", "/scripts/", "/i18n/", "/images/"];
/// Some mail systems escape the `#` of a link.
const MANGLED_LINK: &str = "/changer-mon-mot-de-passe%23";

/// `path` is raw: not decoded, not normalized.
#[must_use]
pub fn map(path: &str) -> Target {
    if path == "/" {
        Target::Page("/index.html".into())
    } else if PAGES.contains(&path) {
        Target::Page(format!("{path}.html"))
    } else if FILES.contains(&path) || FOLDERS.iter().any(|folder| path.strip_prefix(folder).is_some_and(is_safe)) {
        Target::File(path.into())
    } else if let Some(token) = path.strip_prefix(MANGLED_LINK).filter(|token| is_token(token)) {
        Target::Redirect(format!("/changer-mon-mot-de-passe#{token}"))
    } else {
        Target::NotFound
    }
}

/// Whether every part starts with a letter or digit and has no character that could lead to another folder.
fn is_safe(path: &str) -> bool {
    path.split('/').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|one| one.is_ascii_alphanumeric() || ".-_".contains(one))
    })
}

/// Base64url, of any length.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one))
}

#[cfg(test)]
mod tests {
    use super::{Target, map};
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Case {
        uri: String,
        file: Option<String>,
        redirect: Option<String>,
        status: Option<u16>,
    }

    #[test]
    fn edge_rewrites_match_shared_cases() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../edge-cases.json")).unwrap();
        for case in cases {
            let (mut file, mut redirect, mut status) = (None, None, None);
            match map(&case.uri) {
                Target::Page(path) | Target::File(path) => file = Some(path),
                Target::Redirect(to) => redirect = Some(to),
                Target::NotFound => status = Some(404),
            }
            assert_eq!((file, redirect, status), (case.file, case.redirect, case.status), "{}", case.uri);
        }
    }
}
