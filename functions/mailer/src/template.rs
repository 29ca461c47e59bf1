//! The mails: askama templates, in the language of the directory. An unknown placeholder does not compile.

mod en;
mod fr;

use askama::Template;
use guichet_domain::person::Language;
use guichet_domain::reset_token::LinkPurpose;
use guichet_domain::secret::PlainToken;
use guichet_domain::time::UnixTime;
use guichet_platform::env::{self, ConfigError};
use guichet_store::directory::Entry;
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

/// A rendered mail.
pub(crate) struct Email {
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The sender: the desk, its portal, and its time zone.
pub(crate) struct Branding {
    name: String,
    color: String,
    phone: String,
    portal: String,
    time_zone: TimeZone,
}

struct Words {
    link_subject: &'static str,
    /// What a list of mails shows beside the subject.
    link_preview: fn(until: &str) -> String,
    notice_subject: &'static str,
    notice_preview: &'static str,
    /// Why the mail is sent, as the start of a sentence.
    request: fn(LinkPurpose) -> &'static str,
    phone_label: &'static str,
    date_and_time: fn(&ZonedDateTime) -> String,
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::Fr => &fr::WORDS,
        Language::En => &en::WORDS,
    }
}

/// `--brand` of the site.
const DEFAULT_COLOR: &str = "#113a64";

/// The placeholders of every mail.
struct Mail<'a> {
    language: Language,
    subject: &'static str,
    preview: &'a str,
    name: String,
    account: &'a str,
    desk: &'a str,
    phone: String,
    portal: &'a str,
    color: &'a str,
}

/// The placeholders of the mail with a link.
struct Link {
    request: &'static str,
    url: String,
    token: String,
    until: String,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkHtml<'a> {
    mail: &'a Mail<'a>,
    link: &'a Link,
}

#[derive(Template)]
#[template(path = "link.txt")]
struct LinkText<'a> {
    mail: &'a Mail<'a>,
    link: &'a Link,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticeHtml<'a> {
    mail: &'a Mail<'a>,
    changed_at: &'a str,
}

#[derive(Template)]
#[template(path = "notice.txt")]
struct NoticeText<'a> {
    mail: &'a Mail<'a>,
    changed_at: &'a str,
}

impl Branding {
    /// `DESK_NAME`, `BRAND_COLOR`, `DESK_PHONE`, `PORTAL_URL`, and `DESK_TIME_ZONE`.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        let color = env::required("BRAND_COLOR")?;
        Ok(Self {
            name: env::required("DESK_NAME")?,
            color: if color.is_empty() { DEFAULT_COLOR.into() } else { color },
            phone: env::required("DESK_PHONE")?,
            portal: env::required("PORTAL_URL")?,
            time_zone: env::parsed("DESK_TIME_ZONE", |name| TimeZone::get(name).map_err(|error| error.to_string()))?,
        })
    }

    /// The mail with a link to set a password.
    pub(crate) fn link(
        &self,
        to: &Entry,
        purpose: LinkPurpose,
        token: &PlainToken,
        expires_at: UnixTime,
    ) -> Result<Email, askama::Error> {
        let words = words(to.language);
        let token = token.expose();
        let link = Link {
            request: (words.request)(purpose),
            url: format!("{}/changer-mon-mot-de-passe#{token}", self.portal),
            token,
            until: self.local(expires_at, to.language),
        };
        let preview = (words.link_preview)(&link.until);
        let mail = self.mail(to, words.link_subject, &preview);
        let text = LinkText { mail: &mail, link: &link }.render()?;
        let html = LinkHtml { mail: &mail, link: &link }.render()?;
        Ok(Email { subject: mail.subject, text, html })
    }

    /// The notice that the password was changed.
    pub(crate) fn notice(&self, to: &Entry, changed_at: UnixTime) -> Result<Email, askama::Error> {
        let words = words(to.language);
        let changed_at = self.local(changed_at, to.language);
        let mail = self.mail(to, words.notice_subject, words.notice_preview);
        let text = NoticeText { mail: &mail, changed_at: &changed_at }.render()?;
        let html = NoticeHtml { mail: &mail, changed_at: &changed_at }.render()?;
        Ok(Email { subject: mail.subject, text, html })
    }

    fn mail<'a>(&'a self, to: &'a Entry, subject: &'static str, preview: &'a str) -> Mail<'a> {
        Mail {
            language: to.language,
            subject,
            preview,
            name: to.name.display(),
            account: to.account.as_str(),
            desk: &self.name,
            phone: self.phone_in(to.language),
            portal: &self.portal,
            color: &self.color,
        }
    }

    fn phone_in(&self, language: Language) -> String {
        match self.phone.as_str() {
            "" => String::new(),
            phone => format!("{}{phone}", words(language).phone_label),
        }
    }

    /// In the desk's time zone: `10 h 14, le 25 novembre 2026` or `10:14 a.m. on November 25, 2026`.
    fn local(&self, time: UnixTime, language: Language) -> String {
        let moment = jiff::Timestamp::from_second(time.0).unwrap_or(jiff::Timestamp::MAX);
        (words(language).date_and_time)(&ZonedDateTime::new(moment, self.time_zone.clone()))
    }
}

fn month(local: &ZonedDateTime, names: &[&'static str; 12]) -> &'static str {
    names[usize::from(local.month().unsigned_abs()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use guichet_domain::account::AccountName;
    use guichet_domain::person::PersonName;

    fn branding() -> Branding {
        Branding {
            name: "Centre de services".into(),
            color: DEFAULT_COLOR.into(),
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
    fn emails_are_complete_and_html_is_escaped() {
        let token = PlainToken::from_random([1; 32]);
        for language in [Language::Fr, Language::En] {
            let emails = [
                branding().link(&entry(language), LinkPurpose::Register, &token, UnixTime(1_795_601_640)),
                branding().link(&entry(language), LinkPurpose::RequestReset, &token, UnixTime(1_795_601_640)),
                branding().notice(&entry(language), UnixTime(1_795_601_640)),
            ];
            for email in emails.map(Result::unwrap) {
                assert!(email.text.contains("Anne <b> {{link}} O'Hara"), "{}", email.text);
                assert!(email.html.contains("Anne &#60;b&#62; {{link}} O&#39;Hara"), "{}", email.html);
                assert!(email.html.contains(&format!("<title>{0}</title>", email.subject)), "{}", email.html);
                assert!(email.html.ends_with("</html>") && !email.html.contains("overflow:hidden\"></div>"));
                for body in [&email.text, &email.html] {
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
    fn link_and_token_are_on_lines_of_their_own() {
        let token = PlainToken::from_random([1; 32]);
        let email =
            branding().link(&entry(Language::Fr), LinkPurpose::Register, &token, UnixTime(1_795_601_640)).unwrap();
        let link = format!("https://acces.example/changer-mon-mot-de-passe#{}", token.expose());
        assert!(email.text.lines().any(|line| line == link), "{}", email.text);
        assert!(email.text.lines().any(|line| line == token.expose()), "{}", email.text);
        assert!(email.html.contains(&format!("href=\"{link}\"")), "{}", email.html);
    }

    #[test]
    fn times_are_in_the_time_zone_of_the_desk() {
        let local = |second, language| branding().local(UnixTime(second), language);
        assert_eq!(local(1_795_601_640, Language::Fr), "5\u{a0}h\u{a0}14, le 25 novembre 2026");
        assert_eq!(local(1_795_601_640, Language::En), "5:14 a.m. on November 25, 2026");
        // Daylight saving time, noon, and the first of the month.
        assert_eq!(local(1_782_921_600, Language::Fr), "12\u{a0}h\u{a0}00, le 1er juillet 2026");
        assert_eq!(local(1_782_921_600, Language::En), "12:00 p.m. on July 1, 2026");
    }
}
