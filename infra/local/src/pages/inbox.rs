//! `/_local/mail` (JSON) and `/_local/inbox` (a page).

use crate::mailbox::SentEmail;
use guichet_deploy::html::escape;
use jiff::tz::TimeZone;
use serde_json::json;
use std::fmt::Write;

const HEAD: &str = r#"<!doctype html>
<html lang="fr-CA">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Boîte de réception locale</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/_local/inbox.css">
<script type="module" src="/_local/inbox.js"></script>
<header>
<h1>Boîte de réception locale</h1>
<p>Les courriels que le portail a envoyés, du plus récent au plus ancien; les nouveaux arrivent d'eux-mêmes. Rien ne quitte
cette machine. <a href="/">Retour au portail</a></p>
</header>
"#;
pub const STYLE: &str = include_str!("inbox.css");
pub const SCRIPT: &str = include_str!("inbox.js");

/// Whether the email is to the address in the query's `to`, if it has one.
pub fn matches(query: &str, mail: &SentEmail) -> bool {
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    parameters.find(|(name, _)| name == "to").is_none_or(|(_, to)| mail.to == *to)
}

pub fn json(mails: &[SentEmail]) -> String {
    let shown = mails.iter().map(|mail| {
        json!({"id": mail.id, "to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html, "sent_at": mail.sent_at})
    });
    shown.collect::<serde_json::Value>().to_string()
}

pub fn page(mails: &[SentEmail]) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("<main>\n");
    if mails.is_empty() {
        page.push_str("<p id=\"none\">Aucun courriel pour le moment.</p>\n");
    }
    for (index, mail) in mails.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write_mail(&mut page, mail, index == 0);
    }
    page.push_str("</main>\n");
    page
}

fn write_mail(page: &mut String, mail: &SentEmail, open: bool) -> std::fmt::Result {
    let sent_at = mail.sent_at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S");
    let [id, subject, to, text, source] =
        [&mail.id, &mail.subject, &mail.to, &mail.text, &mail.html].map(|part| escape(part));
    let frame = escape(&open_links_at_top(&mail.html));
    let open = if open { " open" } else { "" };
    writeln!(page, "<details id=\"mail-{id}\"{open}>")?;
    writeln!(page, "<summary><strong>{subject}</strong><span>À : {to}</span><time>{sent_at}</time></summary>")?;
    writeln!(page, "<fieldset aria-label=\"Vue\">")?;
    for (value, label, checked) in [("html", "HTML", " checked"), ("text", "Texte", ""), ("source", "Source", "")] {
        writeln!(page, "<label><input type=\"radio\" name=\"view-{id}\" value=\"{value}\"{checked}> {label}</label>")?;
    }
    writeln!(page, "</fieldset>")?;
    writeln!(
        page,
        "<iframe class=\"view html\" loading=\"lazy\" title=\"{subject}\" \
         sandbox=\"allow-popups allow-top-navigation-by-user-activation\" srcdoc=\"{frame}\"></iframe>"
    )?;
    writeln!(page, "<pre class=\"view text\">{text}</pre>\n<pre class=\"view source\">{source}</pre>\n</details>")
}

/// Makes links replace the whole page rather than the frame.
fn open_links_at_top(html: &str) -> String {
    const BASE: &str = "<base target=\"_top\">";
    match html.split_once("<head>") {
        Some((before, after)) => format!("{before}<head>{BASE}{after}"),
        None => format!("{BASE}{html}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{SentEmail, json, matches, page};
    use std::collections::BTreeMap;

    fn mail(to: &str) -> SentEmail {
        SentEmail {
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
    fn inbox_isolates_mail_html() {
        let page = page(&[mail("a@b")]);
        assert!(!page.contains("<script>"));
        assert!(page.contains(
            "srcdoc=\"&lt;base target=&quot;_top&quot;&gt;&lt;p title=&quot;x&quot;&gt;&amp;amp;&lt;/p&gt;\""
        ));
    }

    #[test]
    fn inbox_filters_mail_as_json() {
        let mails = [mail("a@b"), mail("c@d")];
        let all: Vec<serde_json::Value> = serde_json::from_str(&json(&mails)).unwrap();
        assert_eq!((all.len(), all[0]["sent_at"].as_str()), (2, Some("2026-01-02T03:04:05Z")));
        let to_one = mails.iter().filter(|mail| matches("to=c%40d", mail)).map(|mail| mail.to.as_str());
        assert_eq!(to_one.collect::<Vec<_>>(), ["c@d"]);
        assert!(mails.iter().all(|mail| matches("", mail)));
    }
}
