//! Cookies, read and written.

use std::time::Duration;

/// The session's cookie.
pub(crate) const SESSION: &str = "__Host-session";

/// The `Set-Cookie` of the session; without a lifetime it ends with the browser.
pub(crate) fn session(value: &str, lifetime: Option<Duration>) -> String {
    let max_age = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs())).unwrap_or_default();
    format!("{SESSION}={value}; Secure; HttpOnly; SameSite=Lax; Path=/{max_age}")
}

/// What the names of device cookies begin with; the account's tag follows.
const DEVICE: &str = "__Host-device-";
/// Device cookies that a browser keeps: a shared workstation's colleagues, and little of the 10 KiB that the gateway
/// takes of headers.
const MAX_DEVICES: usize = 20;

/// The name of the device cookie of the account with this tag.
pub(crate) fn device_name(tag: &str) -> String {
    format!("{DEVICE}{tag}")
}

/// The `Set-Cookie` of a known device.
pub(crate) fn device(tag: &str, value: &str, lifetime: Duration) -> String {
    let name = device_name(tag);
    format!("{name}={value}; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age={}", lifetime.as_secs())
}

/// The `Set-Cookie`s that make room for one more device: the first in the header are the oldest (RFC 6265, 5.4).
#[must_use]
pub fn surplus_devices(header: &str, tag: &str) -> Vec<String> {
    let own = device_name(tag);
    let names = header.split(';').filter_map(|pair| pair.trim().split_once('=')).map(|(name, _)| name);
    let others: Vec<_> = names.filter(|name| name.starts_with(DEVICE) && *name != own).collect();
    let surplus = others.len().saturating_sub(MAX_DEVICES - 1);
    let tags = others[..surplus].iter().filter_map(|name| name.strip_prefix(DEVICE));
    tags.map(|tag| device(tag, "", Duration::ZERO)).collect()
}

/// The value of a cookie in a `Cookie` header (RFC 6265, 5.4). Of two with the same name the first counts, as browsers
/// send the more specific one first.
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
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(value("a=1; __Host-session=x.y; b=2", SESSION), Some("x.y"));
        assert_eq!(value("__Host-session=x;__Host-session=z", SESSION), Some("x"));
        assert_eq!(value("x__Host-session=x; __Host-sessio=y; __Host-session", SESSION), None);
        assert_eq!(value("", SESSION), None);
    }

    #[test]
    fn the_twenty_first_device_takes_the_place_of_the_oldest() {
        let header = |count| (0..count).map(|n| format!("{DEVICE}{n:08x}=v")).collect::<Vec<_>>().join("; ");
        assert_eq!(surplus_devices(&header(19), "ffffffff"), [""; 0]);
        assert_eq!(surplus_devices(&header(20), "00000007"), [""; 0], "one's own is replaced");
        let gone = surplus_devices(&header(21), "ffffffff");
        assert_eq!(gone.len(), 2);
        assert!(gone[0].starts_with("__Host-device-00000000=; ") && gone[0].ends_with("Max-Age=0"), "{}", gone[0]);
    }
}
