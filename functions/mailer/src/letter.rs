//! The letters: static texts with places to fill, in the language of the directory.

mod en;
mod fr;

use guichet_core::clock::UnixTime;
use guichet_core::config::{self, ConfigError};
use guichet_core::person::Language;
use guichet_core::secret::PlainToken;
use guichet_core::store::directory::Entry;
use guichet_core::store::tokens::Purpose;
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

/// A letter, ready to be sent.
pub(crate) struct Letter {
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Who writes: the desk, at its portal, in its time zone.
pub(crate) struct Desk {
    name: String,
    color: String,
    phone: String,
    portal: String,
    time_zone: TimeZone,
}

/// What the letters say in one language.
struct Words {
    link: Wording,
    notice: Wording,
    /// What was asked for, in the middle of the link's letter.
    asked: fn(Purpose) -> &'static str,
    /// Ahead of the desk's telephone number.
    phone: &'static str,
    /// Day and hour, in the words of a letter.
    when: fn(&ZonedDateTime) -> String,
}

struct Wording {
    subject: &'static str,
    /// What a list of mails shows beside the subject.
    preview: &'static str,
    text: &'static str,
    html: &'static str,
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::Fr => &fr::WORDS,
        Language::En => &en::WORDS,
    }
}

/// What every letter's HTML stands in. Colours are inline for programs that leave style sheets out; the dark ones are for
/// those that do not.
const FRAME: &str = include_str!("../mails/frame.html");
/// `--brand` of the site.
const COLOR: &str = "#113a64";

impl Desk {
    /// `DESK_NAME`, `BRAND_COLOR`, `DESK_PHONE`, `PORTAL_URL`, `DESK_TIME_ZONE`.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let color = config::text("BRAND_COLOR")?;
        Ok(Self {
            name: config::text("DESK_NAME")?,
            color: if color.is_empty() { COLOR.into() } else { color },
            phone: config::text("DESK_PHONE")?,
            portal: config::text("PORTAL_URL")?,
            time_zone: config::parsed("DESK_TIME_ZONE", |name| TimeZone::get(name).map_err(|error| error.to_string()))?,
        })
    }

    /// The letter with a link to set a password.
    pub(crate) fn link(&self, to: &Entry, purpose: Purpose, token: &PlainToken, expires_at: UnixTime) -> Letter {
        let words = words(to.language);
        let token = token.reveal();
        let link = format!("{}/changer-mon-mot-de-passe#{token}", self.portal);
        let until = self.local(expires_at, to.language);
        let places = [("asked", (words.asked)(purpose)), ("link", &link), ("until", &until), ("token", &token)];
        self.fill(&words.link, to, &places)
    }

    /// The notice after a change of the password.
    pub(crate) fn notice(&self, to: &Entry, changed_at: UnixTime) -> Letter {
        self.fill(&words(to.language).notice, to, &[("when", &self.local(changed_at, to.language))])
    }

    fn fill(&self, wording: &Wording, to: &Entry, places: &[(&str, &str)]) -> Letter {
        let name = to.name.display();
        let phone = self.phone_in(to.language);
        let common = [
            ("name", name.as_str()),
            ("account", to.account.as_str()),
            ("desk", self.name.as_str()),
            ("phone", &phone),
            ("portal", &self.portal),
        ];
        let mut places: Vec<_> = common.iter().chain(places).copied().collect();
        let text = fill(wording.text, &places, str::to_owned);
        let preview = fill(wording.preview, &places, str::to_owned);
        places.extend([
            ("language", to.language.tag()),
            ("subject", wording.subject),
            ("preview", &preview),
            ("color", &self.color),
        ]);
        // The frame's place for the letter itself is not filled but split at: all that fills is escaped.
        let (before, after) = FRAME.split_once("{{letter}}").unwrap_or_default();
        let html = [before, wording.html, after].map(|part| fill(part, &places, escape)).concat();
        Letter { subject: wording.subject, text, html }
    }

    fn phone_in(&self, language: Language) -> String {
        match self.phone.as_str() {
            "" => String::new(),
            phone => format!("{}{phone}", words(language).phone),
        }
    }

    /// Day and hour where the desk is: `10 h 14, le 25 novembre 2026` or `10:14 a.m. on November 25, 2026`.
    fn local(&self, time: UnixTime, language: Language) -> String {
        let moment = jiff::Timestamp::from_second(time.0).unwrap_or(jiff::Timestamp::MAX);
        (words(language).when)(&ZonedDateTime::new(moment, self.time_zone.clone()))
    }
}

/// The name of its month, of these twelve.
fn month(local: &ZonedDateTime, names: &[&'static str; 12]) -> &'static str {
    names[usize::from(local.month().unsigned_abs()) - 1]
}

/// Fills the `{{places}}` of a text, in one pass: what fills one is never read for others.
fn fill(text: &str, places: &[(&str, &str)], write: impl Fn(&str) -> String) -> String {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (place, rest) = part.split_once("}}").unwrap_or((part, ""));
        let value = places.iter().find(|(name, _)| *name == place).map_or("", |(_, value)| value);
        filled.push_str(&write(value));
        filled.push_str(rest);
    }
    filled
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use guichet_core::account::AccountName;
    use guichet_core::person::PersonName;

    fn desk() -> Desk {
        Desk {
            name: "Centre de services".into(),
            color: COLOR.into(),
            phone: "514 555-0123".into(),
            portal: "https://acces.example".into(),
            time_zone: TimeZone::get("America/Toronto").unwrap(),
        }
    }

    fn entry(language: Language) -> Entry {
        Entry {
            account: AccountName::parse("tremblam").unwrap(),
            email: None,
            name: PersonName { given_name: "Anne <b>".into(), family_name: "{{link}} O'Hara".into() },
            language,
            active: true,
            shared_mailbox: false,
            bounced_at: None,
        }
    }

    #[test]
    fn every_letter_is_filled_and_its_html_is_escaped() {
        let token = PlainToken::from_random([1; 32]);
        for language in [Language::Fr, Language::En] {
            let letters = [
                desk().link(&entry(language), Purpose::Register, &token, UnixTime(1_795_601_640)),
                desk().link(&entry(language), Purpose::RequestReset, &token, UnixTime(1_795_601_640)),
                desk().notice(&entry(language), UnixTime(1_795_601_640)),
            ];
            for letter in letters {
                assert!(letter.text.contains("Anne <b> {{link}} O'Hara"), "{}", letter.text);
                assert!(letter.html.contains("Anne &lt;b&gt; {{link}} O&#39;Hara"), "{}", letter.html);
                assert!(letter.html.contains(&format!("<title>{0}</title>", letter.subject)), "{}", letter.html);
                assert!(letter.html.ends_with("</html>\n") && !letter.html.contains("overflow:hidden\"></div>"));
                for body in [&letter.text, &letter.html] {
                    assert_eq!(body.matches("{{").count(), body.matches("{{link}} O").count(), "{body}");
                    assert!(
                        body.contains("tremblam")
                            && body.contains("514 555-0123")
                            && body.contains("Centre de services")
                    );
                }
            }
        }
    }

    #[test]
    fn the_link_and_the_code_stand_on_lines_of_their_own() {
        let token = PlainToken::from_random([1; 32]);
        let letter = desk().link(&entry(Language::Fr), Purpose::Register, &token, UnixTime(1_795_601_640));
        let link = format!("https://acces.example/changer-mon-mot-de-passe#{}", token.reveal());
        assert!(letter.text.lines().any(|line| line == link), "{}", letter.text);
        assert!(letter.text.lines().any(|line| line == token.reveal()), "{}", letter.text);
        assert!(letter.html.contains(&format!("href=\"{link}\"")), "{}", letter.html);
    }

    #[test]
    fn hours_are_those_of_the_desk() {
        let local = |second, language| desk().local(UnixTime(second), language);
        assert_eq!(local(1_795_601_640, Language::Fr), "5\u{a0}h\u{a0}14, le 25 novembre 2026");
        assert_eq!(local(1_795_601_640, Language::En), "5:14 a.m. on November 25, 2026");
        // Summer time, noon and the first of the month.
        assert_eq!(local(1_782_921_600, Language::Fr), "12\u{a0}h\u{a0}00, le 1er juillet 2026");
        assert_eq!(local(1_782_921_600, Language::En), "12:00 p.m. on July 1, 2026");
    }
}
