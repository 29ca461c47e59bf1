//! Cookies.
//!
//! By hand: two cookies in one form each, and a fuzzed reader of 8 lines. The `cookie` crate would bring a date
//! library.

use std::time::Duration;

pub(crate) const SESSION: &str = "__Host-session";

/// `Set-Cookie` of the session. Without a lifetime it ends with the browser.
pub(crate) fn session(value: &str, lifetime: Option<Duration>) -> String {
    let max_age = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs())).unwrap_or_default();
    format!("{SESSION}={value}; Secure; HttpOnly; SameSite=Lax; Path=/{max_age}")
}

/// Prefix of the device cookies' names; the account's suffix follows.
const DEVICE: &str = "__Host-device-";
/// Device cookies per browser: enough for the colleagues who share a workstation, and a small part of the 10 KiB of
/// headers that API Gateway accepts.
const MAX_DEVICES: usize = 20;

pub(crate) fn device_name(suffix: &str) -> String {
    format!("{DEVICE}{suffix}")
}

/// `Set-Cookie` of a known device.
pub(crate) fn device(suffix: &str, value: &str, lifetime: Duration) -> String {
    let name = device_name(suffix);
    format!("{name}={value}; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age={}", lifetime.as_secs())
}

/// The `Set-Cookie` headers that make room for one more device. The first cookies of a request are the oldest (RFC
/// 6265, 5.4).
#[must_use]
pub fn surplus_devices(header: &str, suffix: &str) -> Vec<String> {
    let own = device_name(suffix);
    let names = header.split(';').filter_map(|pair| pair.trim().split_once('=')).map(|(name, _)| name);
    let others: Vec<_> = names.filter(|name| name.starts_with(DEVICE) && *name != own).collect();
    let surplus = others.len().saturating_sub(MAX_DEVICES - 1);
    let suffixes = others[..surplus].iter().filter_map(|name| name.strip_prefix(DEVICE));
    suffixes.map(|suffix| device(suffix, "", Duration::ZERO)).collect()
}

/// The value of a cookie in a `Cookie` header (RFC 6265, 5.4). Of two cookies with the same name the first counts,
/// because browsers send the more specific one first.
#[must_use]
pub fn value<'a>(header: &'a str, name: &str) -> Option<&'a str> {
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
    fn cookie_is_found_by_its_whole_name() {
        assert_eq!(value("a=1; __Host-session=x.y; b=2", SESSION), Some("x.y"));
        assert_eq!(value("__Host-session=x;__Host-session=z", SESSION), Some("x"));
        assert_eq!(value("x__Host-session=x; __Host-sessio=y; __Host-session", SESSION), None);
        assert_eq!(value("", SESSION), None);
    }

    #[test]
    fn surplus_device_cookies_are_deleted_oldest_first() {
        let header = |count| (0..count).map(|n| format!("{DEVICE}{n:08x}=v")).collect::<Vec<_>>().join("; ");
        assert_eq!(surplus_devices(&header(19), "ffffffff"), [""; 0]);
        assert_eq!(surplus_devices(&header(20), "00000007"), [""; 0], "the own cookie is replaced");
        let gone = surplus_devices(&header(21), "ffffffff");
        assert_eq!(gone.len(), 2);
        assert!(gone[0].starts_with("__Host-device-00000000=; ") && gone[0].ends_with("Max-Age=0"), "{}", gone[0]);
    }
}
