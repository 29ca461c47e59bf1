//! What each address of the site leads to, as the CloudFront Function decides it: `infra/edge-cases.json` tests both.

/// Where an address leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A page, by the path of its file.
    Page(String),
    /// Another file, by its path.
    File(String),
    /// Another address.
    Redirect(String),
    /// Nothing.
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
/// Some mail systems write the `#` of a mailed link so.
const MANGLED_LINK: &str = "/changer-mon-mot-de-passe%23";

/// Maps the path of a request, just as it was sent.
#[must_use]
pub fn map(path: &str) -> Target {
    if path == "/" {
        Target::Page("/index.html".into())
    } else if PAGES.contains(&path) {
        Target::Page(format!("{path}.html"))
    } else if FILES.contains(&path) || FOLDERS.iter().any(|folder| path.strip_prefix(folder).is_some_and(is_plain)) {
        Target::File(path.into())
    } else if let Some(token) = path.strip_prefix(MANGLED_LINK).filter(|token| is_token(token)) {
        Target::Redirect(format!("/changer-mon-mot-de-passe#{token}"))
    } else {
        Target::NotFound
    }
}

/// Whether every part of a path starts with a letter or digit and holds nothing that could mean another folder.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|one| one.is_ascii_alphanumeric() || ".-_".contains(one))
    })
}

/// Whether a text could be a link's token (base64url).
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
    fn every_address_leads_where_the_table_says() {
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
