//! How the desk is spoken to: in French, or in English; hours as Québec writes them, days in figures.

use super::Desk;
use clap::ValueEnum;
use guichet_core::class::Class;
use guichet_core::clock::UnixTime;

/// The language of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// French.
    Fr,
    /// English.
    En,
}

impl Desk {
    /// Of two sentences the one in the desk's language.
    pub(super) fn say(&self, fr: impl Into<String>, en: impl Into<String>) -> String {
        match self.lang {
            // Before these signs French leaves a space that no line breaks at.
            Lang::Fr => [":", ";", "?", "»"].into_iter().fold(fr.into().replace("« ", "«\u{a0}"), |text, sign| {
                text.replace(&format!(" {sign}"), &format!("\u{a0}{sign}"))
            }),
            Lang::En => en.into(),
        }
    }

    /// `à 9 h 14`, of another day `le 2026-11-25 à 9 h 14`.
    pub(super) fn at(&self, moment: UnixTime) -> String {
        let hour = self.hour(moment);
        let day = self.day(moment);
        if day == self.day(self.now) {
            self.say(format!("à {hour}"), format!("at {hour}"))
        } else {
            self.say(format!("le {day} à {hour}"), format!("on {day} at {hour}"))
        }
    }

    /// `2026-11-25`, where the desk is.
    pub(super) fn day(&self, moment: UnixTime) -> String {
        self.local(moment).strftime("%Y-%m-%d").to_string()
    }

    /// `9 h 14` or `9:14 a.m.`, where the desk is.
    pub(super) fn hour(&self, moment: UnixTime) -> String {
        let local = self.local(moment);
        let (hour, minute) = (local.hour(), local.minute());
        let half = if hour < 12 { "a.m." } else { "p.m." };
        let of_twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
        self.say(format!("{hour}\u{a0}h\u{a0}{minute:02}"), format!("{of_twelve}:{minute:02}\u{a0}{half}"))
    }

    fn local(&self, moment: UnixTime) -> jiff::ZonedDateTime {
        let moment = jiff::Timestamp::from_second(moment.0).unwrap_or(jiff::Timestamp::MAX);
        jiff::ZonedDateTime::new(moment, self.time_zone.clone())
    }

    /// From where.
    pub(super) fn place(&self, class: Class) -> String {
        match class {
            Class::D => self.say("sur un appareil connu", "on a known device"),
            Class::M => self.say("sur le réseau de l’organisation", "on the organisation’s network"),
            Class::U => self.say("de l’extérieur", "from outside"),
        }
    }
}
