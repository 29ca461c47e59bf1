use guichet_domain::session::{Remember, Transport};
use guichet_http::{json_body, string_enum};
use lambda_http::{Body, Request};
use serde::Deserialize;
use std::iter::Peekable;
use std::str::Chars;

/// The form of the sign-in: every kind of field that a form has.
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

/// A body is read just where it is one flat object of strings with the form's fields, each at most once, and nothing
/// around it; and it is read as what it says.
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
    let sound = |at: usize, name: &str| known.contains(&name) && fields[..at].iter().all(|(other, _)| other != name);
    if !fields.iter().enumerate().all(|(at, (name, _))| sound(at, name)) {
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

/// RFC 8259, as far as a flat object of strings goes.
fn object(text: &str) -> Option<Vec<(String, String)>> {
    let mut chars = text.chars().peekable();
    let mut fields = Vec::new();
    sign(&mut chars, '{')?;
    if sign(&mut chars, '}').is_none() {
        loop {
            let name = string(&mut chars)?;
            sign(&mut chars, ':')?;
            fields.push((name, string(&mut chars)?));
            if sign(&mut chars, ',').is_none() {
                break sign(&mut chars, '}')?;
            }
        }
    }
    space(&mut chars);
    chars.next().is_none().then_some(fields)
}

fn space(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| " \t\r\n".contains(*c)).is_some() {}
}

fn sign(chars: &mut Peekable<Chars<'_>>, wanted: char) -> Option<()> {
    space(chars);
    chars.next_if_eq(&wanted).map(drop)
}

/// A string, gathered in UTF-16 as its escapes are; a surrogate without its other half is no text.
fn string(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    sign(chars, '"')?;
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
