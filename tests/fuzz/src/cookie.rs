use guichet_http::fuzzing::{surplus_devices, value};
use lambda_http::http::HeaderValue;

/// An account's cookie suffix.
const SUFFIX: &str = "0123abcd";
/// Maximum device cookies per browser.
const MAX_DEVICES: usize = 20;

/// `value` finds the first cookie with exactly this name. `surplus_devices` deletes only cookies that the client sent,
/// and injects nothing else into the response.
pub fn cookie(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else { return };
    let pairs: Vec<_> = header.split(';').map(str::trim).collect();
    for name in ["__Host-session", "__Host-device-0123abcd", "a"] {
        let found = value(header, name);
        let first = pairs.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        assert_eq!(found, first, "{name}");
        // A later cookie does not replace it; an earlier one does.
        let value_of = |header: String| value(&header, name).map(str::to_owned);
        assert_eq!(value_of(format!("{header};{name}=after")).as_deref(), Some(found.unwrap_or("after")));
        assert_eq!(value_of(format!("{name}=before;{header}")).as_deref(), Some("before"));
    }

    // Only valid header values get this far.
    if HeaderValue::from_str(header).is_err() {
        return;
    }
    let device = |pair: &&str| pair.starts_with("__Host-device-") && pair.contains('=');
    let others = pairs.iter().copied().filter(device).filter(|pair| !pair.starts_with("__Host-device-0123abcd="));
    let names: Vec<_> = others.filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    let surplus = surplus_devices(header, SUFFIX);
    assert_eq!(surplus.len(), (names.len() + 1).saturating_sub(MAX_DEVICES));
    for (set, name) in surplus.iter().zip(names) {
        assert_eq!(set, &format!("{name}=; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=0"));
        assert!(HeaderValue::from_str(set).is_ok());
    }
}
