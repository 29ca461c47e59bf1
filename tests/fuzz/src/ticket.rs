use guichet_domain::account::AccountName;
use guichet_domain::secret::{PlainDeviceKey, PlainSessionKey, PlainToken, SessionKeyHash, TokenHash};
use guichet_domain::session::SessionToken;

// The last character of a secret carries 2 spare bits of 32 bytes, or 4 of 16, which are zero in the one spelling.
const LINK: (usize, &str) = (43, "AEIMQUYcgkosw048");
const DEVICE: (usize, &str) = (22, "AQgw");

fn is((length, last): (usize, &str), text: &str) -> bool {
    text.len() == length
        && text.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_".contains(&one))
        && text.ends_with(|one| last.contains(one))
}

/// A link, a session's ticket, a device's secret and an identifier each have one spelling, in which they read back.
pub fn ticket(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let token = PlainToken::parse(text);
    assert_eq!(token.is_some(), is(LINK, text));
    if let Some(token) = token {
        assert_eq!(token.expose(), text);
        assert_ne!(token.hash().as_str(), text);
        assert!(TokenHash::parse(token.hash().as_str()).is_some_and(|hash| hash == token.hash()));
    }
    let identifier = SessionKeyHash::parse(text);
    assert_eq!(identifier.as_ref().map(SessionKeyHash::as_str), is(LINK, text).then_some(text));

    let device = PlainDeviceKey::parse(text);
    assert_eq!(device.map(|device| device.expose()).as_deref(), is(DEVICE, text).then_some(text));

    let halves = text
        .rsplit_once('.')
        .filter(|(name, key)| AccountName::parse(name).is_ok_and(|account| account.as_str() == *name) && is(LINK, key));
    let ticket = SessionToken::parse(text);
    assert_eq!(ticket.is_some(), halves.is_some());
    if let (Some(ticket), Some((name, key))) = (ticket, halves) {
        assert_eq!(ticket.expose(), text);
        assert_eq!(ticket.account.as_str(), name);
        assert!(PlainSessionKey::parse(key).is_some_and(|secret| secret.hash() == ticket.key.hash()));
    }
}
