use guichet_domain::session::{Remember, Transport};
use guichet_http::{json_body, string_enum};
use lambda_http::{Body, Request};
use serde::Deserialize;
use std::iter::Peekable;
use std::str::Chars;

/// The sign-in form, which has every kind of field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    account: String,
    password: String,
    #[serde(default, deserialize_with = "string_enum")]
    remember: Remember,
    #[serde(default, deserialize_with = "string_enum")]
    transport: Transport,
}

/// A body is accepted exactly if it is one flat object of strings with the form's fields, each at most once, and
/// nothing else. The values are those in the body.
pub fn json(data: &[u8]) {
    let request = Request::new(Body::Binary(data.to_vec()));
    let read = json_body::<Form>(&request).ok();
    let expected = std::str::from_utf8(data).ok().and_then(object).and_then(|fields| form(&fields));
    assert_eq!(read.is_some(), expected.is_some(), "{}", String::from_utf8_lossy(data));
    if let (Some(read), Some(expected)) = (read, expected) {
        assert!(read.account == expected.account && read.password == expected.password);
        assert!(read.remember == expected.remember && read.transport == expected.transport);
    }
}

fn form(fields: &[(String, String)]) -> Option<Form> {
    let known = ["account", "password", "remember", "transport"];
    let is_valid = |at: usize, name: &str| known.contains(&name) && fields[..at].iter().all(|(other, _)| other != name);
    if !fields.iter().enumerate().all(|(at, (name, _))| is_valid(at, name)) {
        return None;
    }
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    Some(Form {
        account: field("account")?.to_owned(),
        password: field("password")?.to_owned(),
        remember: match field("remember") {
            Some("me") => Remember::Me,
            Some("name") => Remember::Name,
            Some("none") | None => Remember::None,
            Some(_) => return None,
        },
        transport: match field("transport") {
            Some("bearer") => Transport::Bearer,
            Some("cookie") | None => Transport::Cookie,
            Some(_) => return None,
        },
    })
}

/// Parses the subset of RFC 8259 that flat objects of strings need.
fn object(text: &str) -> Option<Vec<(String, String)>> {
    let mut chars = text.chars().peekable();
    let mut fields = Vec::new();
    punctuation(&mut chars, '{')?;
    if punctuation(&mut chars, '}').is_none() {
        loop {
            let name = string(&mut chars)?;
            punctuation(&mut chars, ':')?;
            fields.push((name, string(&mut chars)?));
            if punctuation(&mut chars, ',').is_none() {
                break punctuation(&mut chars, '}')?;
            }
        }
    }
    space(&mut chars);
    chars.next().is_none().then_some(fields)
}

fn space(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| " \t\r\n".contains(*c)).is_some() {}
}

fn punctuation(chars: &mut Peekable<Chars<'_>>, expected: char) -> Option<()> {
    space(chars);
    chars.next_if_eq(&expected).map(drop)
}

/// Parses a string as UTF-16, because escapes are; fails on an unpaired surrogate.
fn string(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    punctuation(chars, '"')?;
    let mut units = Vec::new();
    loop {
        let plain = match chars.next()? {
            '"' => return String::from_utf16(&units).ok(),
            '\\' => match chars.next()? {
                c @ ('"' | '\\' | '/') => c,
                'b' => '\x08',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: Vec<_> = chars.by_ref().take(4).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
                    let [a, b, c, d] = digits[..] else { return None };
                    units.push(u16::try_from((a << 12) | (b << 8) | (c << 4) | d).ok()?);
                    continue;
                }
                _ => return None,
            },
            c if c >= ' ' => c,
            _ => return None,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
}
