//! The words of the mails in English that are not in a template.

use super::{Words, month};
use guichet_domain::reset_token::LinkPurpose;
use jiff::ZonedDateTime;

pub(super) const WORDS: Words = Words {
    link_subject: "Password change",
    link_preview: |until| format!("The link to choose your password, good until {until}."),
    notice_subject: "Your password was changed",
    notice_preview: "If it was not you, get in touch with us at once.",
    request: |purpose| match purpose {
        LinkPurpose::Register => "You asked to register for the service",
        LinkPurpose::RequestReset => "You told us that you forgot your password",
    },
    phone_label: "Telephone: ",
    date_and_time,
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
fn date_and_time(local: &ZonedDateTime) -> String {
    let (minute, month, day, year) = (local.minute(), month(local, &MONTHS), local.day(), local.year());
    let half = if local.hour() < 12 { "a.m." } else { "p.m." };
    let hour = if local.hour() % 12 == 0 { 12 } else { local.hour() % 12 };
    format!("{hour}:{minute:02} {half} on {month} {day}, {year}")
}
