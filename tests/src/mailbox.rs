//! Mails, as their readers see them.

use serde::Deserialize;

/// A mail in the local mailbox.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// SES's name for it.
    pub id: String,
    /// *Objet*.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
    /// RFC 3339.
    pub sent_at: String,
}

impl Mail {
    /// The link in it, which stands on a line of its own.
    #[must_use]
    pub fn link(&self) -> &str {
        self.link_if_any().unwrap_or_else(|| panic!("a link stands in\n{}", self.text))
    }

    /// Whether there is one in it: there is none in a notice.
    #[must_use]
    pub fn has_link(&self) -> bool {
        self.link_if_any().is_some()
    }

    fn link_if_any(&self) -> Option<&str> {
        self.text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"))
    }

    /// The token in the link.
    #[must_use]
    pub fn token(&self) -> &str {
        self.link().rsplit('#').next().expect("a fragment")
    }
}
