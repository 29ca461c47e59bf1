use guichet_domain::account::AccountName;
use regex_lite::Regex;
use std::sync::LazyLock;

static PATTERN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[ \t\n\f\r]*(?:[A-Za-z0-9._@-]{1,64}\\)?([A-Za-z0-9._@-]{1,64})[ \t\n\f\r]*$").ok());

/// An account name has one canonical form: the match of the pattern in lower case. All spellings of it parse to that
/// form.
pub fn account(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let expected = PATTERN.as_ref().and_then(|pattern| pattern.captures(input)).map(|found| found[1].to_lowercase());
    let parsed = AccountName::parse(input).ok();
    assert_eq!(parsed.as_ref().map(AccountName::as_str), expected.as_deref());
    let Some(name) = parsed else { return };
    for spelling in [name.to_string(), name.as_str().to_uppercase(), format!("CHUM\\{name}"), format!("\t {name}\r\n")]
    {
        assert_eq!(AccountName::parse(&spelling).as_ref(), Ok(&name), "{spelling:?}");
    }
    assert!((1..=64).contains(&name.as_str().len()));
}
