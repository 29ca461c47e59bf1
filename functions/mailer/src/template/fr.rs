//! The words of the mails in French that are not in a template.

use super::{Words, month};
use guichet_domain::reset_token::LinkPurpose;
use jiff::ZonedDateTime;

pub(super) const WORDS: Words = Words {
    link_subject: "Changement de mot de passe",
    link_preview: |until| format!("Le lien pour choisir votre mot de passe, valide jusqu’à {until}."),
    notice_subject: "Votre mot de passe a été changé",
    notice_preview: "Si ce n’est pas vous, communiquez tout de suite avec nous.",
    request: |purpose| match purpose {
        LinkPurpose::Register => "Vous avez demandé de vous inscrire au service",
        LinkPurpose::RequestReset => "Vous avez signalé avoir oublié votre mot de passe",
    },
    phone_label: "Téléphone\u{a0}: ",
    date_and_time,
};

const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

/// `10 h 14, le 25 novembre 2026`.
fn date_and_time(local: &ZonedDateTime) -> String {
    let (hour, minute, month, year) = (local.hour(), local.minute(), month(local, &MONTHS), local.year());
    let day = if local.day() == 1 { "1er".to_owned() } else { local.day().to_string() };
    format!("{hour}\u{a0}h\u{a0}{minute:02}, le {day} {month} {year}")
}
