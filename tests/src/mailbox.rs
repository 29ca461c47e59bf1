//! Emails in the local mailbox.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// SES's message id.
    pub id: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// RFC 3339.
    pub sent_at: String,
}

impl Mail {
    /// The link, which has a line of its own.
    #[must_use]
    pub fn link(&self) -> &str {
        self.link_if_any().unwrap_or_else(|| panic!("no link in\n{}", self.text))
    }

    /// Whether the email contains a link. A notice does not.
    #[must_use]
    pub fn has_link(&self) -> bool {
        self.link_if_any().is_some()
    }

    fn link_if_any(&self) -> Option<&str> {
        self.text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"))
    }

    #[must_use]
    pub fn token(&self) -> &str {
        self.link().rsplit('#').next().expect("a fragment")
    }
}
