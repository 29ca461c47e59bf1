//! Cookies, read and written.

use std::time::Duration;

/// The session's cookie.
pub(crate) const SESSION: &str = "__Host-session";

/// The `Set-Cookie` of the session; without a lifetime it ends with the browser.
pub(crate) fn session(value: &str, lifetime: Option<Duration>) -> String {
    let max_age = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs())).unwrap_or_default();
    format!("{SESSION}={value}; Secure; HttpOnly; SameSite=Lax; Path=/{max_age}")
}

/// The value of a cookie in a `Cookie` header (RFC 6265, 5.4). Of two with the same name the first counts, as browsers
/// send the more specific one first.
pub(crate) fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(value("a=1; __Host-session=x.y; b=2", SESSION), Some("x.y"));
        assert_eq!(value("__Host-session=x;__Host-session=z", SESSION), Some("x"));
        assert_eq!(value("x__Host-session=x; __Host-sessio=y; __Host-session", SESSION), None);
        assert_eq!(value("", SESSION), None);
    }
}
