use guichet_domain::account::AccountName;
use guichet_domain::secret::{PlainDeviceKey, PlainSessionKey, PlainToken, SessionKeyHash, TokenHash};
use guichet_domain::session::SessionToken;

// In the canonical encoding the spare bits of the last character are zero: 2 of them for 32 bytes, 4 for 16 bytes.
const LINK: (usize, &str) = (43, "AEIMQUYcgkosw048");
const DEVICE: (usize, &str) = (22, "AQgw");

fn is_encoded((length, last): (usize, &str), text: &str) -> bool {
    text.len() == length
        && text.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_".contains(&one))
        && text.ends_with(|one| last.contains(one))
}

/// Link tokens, session tokens, device keys, and session ids have one encoding each, and survive a round trip.
pub fn secrets(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let token = PlainToken::parse(text);
    assert_eq!(token.is_some(), is_encoded(LINK, text));
    if let Some(token) = token {
        assert_eq!(token.expose(), text);
        assert_ne!(token.hash().as_str(), text);
        assert!(TokenHash::parse(token.hash().as_str()).is_some_and(|hash| hash == token.hash()));
    }
    let identifier = SessionKeyHash::parse(text);
    assert_eq!(identifier.as_ref().map(SessionKeyHash::as_str), is_encoded(LINK, text).then_some(text));

    let device = PlainDeviceKey::parse(text);
    assert_eq!(device.map(|device| device.expose()).as_deref(), is_encoded(DEVICE, text).then_some(text));

    let halves = text.rsplit_once('.').filter(|(name, key)| {
        AccountName::parse(name).is_ok_and(|account| account.as_str() == *name) && is_encoded(LINK, key)
    });
    let session = SessionToken::parse(text);
    assert_eq!(session.is_some(), halves.is_some());
    if let (Some(session), Some((name, key))) = (session, halves) {
        assert_eq!(session.expose(), text);
        assert_eq!(session.account.as_str(), name);
        assert!(PlainSessionKey::parse(key).is_some_and(|secret| secret.hash() == session.key.hash()));
    }
}
