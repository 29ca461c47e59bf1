//! The letters in French.

use super::{Wording, Words, month};
use guichet_core::store::tokens::Purpose;
use jiff::ZonedDateTime;

pub(super) const WORDS: Words = Words {
    link: Wording {
        subject: "Changement de mot de passe",
        preview: "Le lien pour choisir votre mot de passe, valide jusqu’à {{until}}.",
        text: include_str!("../../mails/link.fr.txt"),
        html: include_str!("../../mails/link.fr.html"),
    },
    notice: Wording {
        subject: "Votre mot de passe a été changé",
        preview: "Si ce n’est pas vous, communiquez tout de suite avec nous.",
        text: include_str!("../../mails/notice.fr.txt"),
        html: include_str!("../../mails/notice.fr.html"),
    },
    asked: |purpose| match purpose {
        Purpose::Register => "Vous avez demandé de vous inscrire au service",
        Purpose::RequestReset => "Vous avez signalé avoir oublié votre mot de passe",
    },
    phone: "Téléphone\u{a0}: ",
    when,
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
fn when(local: &ZonedDateTime) -> String {
    let (hour, minute, month, year) = (local.hour(), local.minute(), month(local, &MONTHS), local.year());
    let day = if local.day() == 1 { "1er".to_owned() } else { local.day().to_string() };
    format!("{hour}\u{a0}h\u{a0}{minute:02}, le {day} {month} {year}")
}
