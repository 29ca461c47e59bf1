//! The letters in English.

use super::{Wording, Words, month};
use guichet_core::store::tokens::Purpose;
use jiff::ZonedDateTime;

pub(super) const WORDS: Words = Words {
    link: Wording {
        subject: "Password change",
        preview: "The link to choose your password, good until {{until}}.",
        text: include_str!("../../mails/link.en.txt"),
        html: include_str!("../../mails/link.en.html"),
    },
    notice: Wording {
        subject: "Your password was changed",
        preview: "If it was not you, get in touch with us at once.",
        text: include_str!("../../mails/notice.en.txt"),
        html: include_str!("../../mails/notice.en.html"),
    },
    asked: |purpose| match purpose {
        Purpose::Register => "You asked to register for the service",
        Purpose::RequestReset => "You told us that you forgot your password",
    },
    phone: "Telephone: ",
    when,
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `10:14 a.m. on November 25, 2026`.
fn when(local: &ZonedDateTime) -> String {
    let (minute, month, day, year) = (local.minute(), month(local, &MONTHS), local.day(), local.year());
    let half = if local.hour() < 12 { "a.m." } else { "p.m." };
    let hour = if local.hour() % 12 == 0 { 12 } else { local.hour() % 12 };
    format!("{hour}:{minute:02} {half} on {month} {day}, {year}")
}
