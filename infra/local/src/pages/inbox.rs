//! `/_local/mail` for programs and `/_local/inbox` for people.

use super::escaped;
use crate::mailbox::Mail;
use jiff::tz::TimeZone;
use serde_json::json;
use std::fmt::Write;

const HEAD: &str = r#"<!doctype html>
<html lang="fr-CA">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Boîte de réception locale</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; color: #1d1d1f; background: #f4f5f7 }
article { background: #fff; border: 1px solid #c4c9d1; border-radius: .25rem; padding: 1rem; margin: 1rem 0 }
h2 { margin: 0; font-size: 1.125rem } p { margin: .25rem 0 } pre { white-space: pre-wrap; overflow-wrap: anywhere }
iframe { width: 100%; height: 50rem; border: 1px solid #c4c9d1; margin: .5rem 0; background: #fff }
</style>
<h1>Boîte de réception locale</h1>
<p>Les courriels que le portail a envoyés, du plus récent au plus ancien. Rien ne quitte cette machine.
<a href="/_local/inbox">Actualiser</a></p>
"#;

/// The mails as JSON, those to one address where the query asks for it.
pub fn json(mails: &[Mail], query: &str) -> String {
    let to = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "to").map(|(_, value)| value);
    let shown = mails.iter().filter(|mail| to.as_ref().is_none_or(|to| mail.to == *to));
    let shown = shown.map(|mail| {
        json!({"to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html, "sent_at": mail.sent_at})
    });
    shown.collect::<serde_json::Value>().to_string()
}

/// The mails as a page.
pub fn page(mails: &[Mail]) -> String {
    let mut page = HEAD.to_owned();
    if mails.is_empty() {
        page.push_str("<p>Aucun courriel pour le moment.</p>\n");
    }
    for mail in mails {
        let sent_at = mail.sent_at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
        let frame = escaped(&led_to_the_top(&mail.html));
        let (subject, to, text) = (escaped(&mail.subject), escaped(&mail.to), escaped(&mail.text));
        // Writing to a String does not fail.
        let _ = write!(
            page,
            "<article>\n<h2>{subject}</h2>\n<p>À : {to}</p>\n<p>Envoyé : {sent_at}</p>\n\
             <iframe title=\"{subject}\" sandbox=\"allow-popups allow-top-navigation-by-user-activation\" srcdoc=\"{frame}\"></iframe>\n\
             <details><summary>Texte brut</summary><pre>{text}</pre></details>\n</article>\n"
        );
    }
    page
}

/// A mail's HTML whose links open in place of the page around its frame.
fn led_to_the_top(html: &str) -> String {
    const BASE: &str = "<base target=\"_top\">";
    match html.split_once("<head>") {
        Some((before, after)) => format!("{before}<head>{BASE}{after}"),
        None => format!("{BASE}{html}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mail, json, page};
    use std::collections::BTreeMap;

    fn mail(to: &str) -> Mail {
        Mail {
            id: "1".into(),
            to: to.into(),
            subject: "<script>".into(),
            text: "</pre><script>".into(),
            html: "<p title=\"x\">&amp;</p>".into(),
            sent_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn a_mail_cannot_break_out_of_its_frame() {
        let page = page(&[mail("a@b")]);
        assert!(!page.contains("<script>"));
        assert!(page.contains(
            "srcdoc=\"&lt;base target=&quot;_top&quot;&gt;&lt;p title=&quot;x&quot;&gt;&amp;amp;&lt;/p&gt;\""
        ));
    }

    #[test]
    fn programs_get_what_they_ask_for() {
        let mails = [mail("a@b"), mail("c@d")];
        let all: Vec<serde_json::Value> = serde_json::from_str(&json(&mails, "")).unwrap();
        assert_eq!((all.len(), all[0]["sent_at"].as_str()), (2, Some("2026-01-02T03:04:05Z")));
        let some: Vec<serde_json::Value> = serde_json::from_str(&json(&mails, "to=c%40d")).unwrap();
        assert_eq!((some.len(), some[0]["to"].as_str()), (1, Some("c@d")));
    }
}
