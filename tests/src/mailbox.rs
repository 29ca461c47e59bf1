//! Mails, as their readers see them.

use serde::Deserialize;

/// A mail in the local mailbox.
#[derive(Clone, Debug, Deserialize)]
pub struct Mail {
    /// SES's name for it.
    pub id: String,
    to: To,
    /// *Objet*.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
    /// RFC 3339.
    pub sent_at: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum To {
    One(String),
    Several(Vec<String>),
}

impl Mail {
    /// Whether it went to this address.
    #[must_use]
    pub fn is_to(&self, address: &str) -> bool {
        match &self.to {
            To::One(one) => one == address,
            To::Several(several) => several.iter().any(|one| one == address),
        }
    }

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

    pub(crate) fn link_if_any(&self) -> Option<&str> {
        self.text.lines().find(|line| line.contains("/changer-mon-mot-de-passe#"))
    }

    /// The token in the link.
    #[must_use]
    pub fn token(&self) -> &str {
        Self::token_of(self.link())
    }

    pub(crate) fn token_of(link: &str) -> &str {
        link.rsplit('#').next().expect("a fragment")
    }
}
