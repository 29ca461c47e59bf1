use guichet_domain::account::AccountName;
use regex_lite::Regex;
use std::sync::LazyLock;

static SPELLED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[ \t\n\f\r]*(?:[A-Za-z0-9._@-]{1,64}\\)?([A-Za-z0-9._@-]{1,64})[ \t\n\f\r]*$").ok());

/// An account name has one form: it is what the pattern says, in lower case, and reads back as itself however it is
/// dressed.
pub fn account(data: &[u8]) {
    let Ok(typed) = std::str::from_utf8(data) else { return };
    let spelled = SPELLED.as_ref().and_then(|pattern| pattern.captures(typed)).map(|found| found[1].to_lowercase());
    let read = AccountName::parse(typed).ok();
    assert_eq!(read.as_ref().map(AccountName::as_str), spelled.as_deref());
    let Some(name) = read else { return };
    for dressed in [name.to_string(), name.as_str().to_uppercase(), format!("CHUM\\{name}"), format!("\t {name}\r\n")] {
        assert_eq!(AccountName::parse(&dressed).as_ref(), Ok(&name), "{dressed:?}");
    }
    assert!((1..=64).contains(&name.as_str().len()));
}
