//! The desk's two languages, with dates and times in each.

use super::Desk;
use clap::ValueEnum;
use guichet_domain::client::ClientClass;
use guichet_domain::time::UnixTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// Language of the commands' output. The staff's languages are another list (`person::Language`), which may be longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    Fr,
    En,
}

impl Desk {
    /// The sentence in the caller's language.
    pub(super) fn say(&self, fr: impl Into<String>, en: impl Into<String>) -> String {
        match self.lang {
            // French puts a no-break space before these signs.
            Lang::Fr => [":", ";", "?", "»"].into_iter().fold(fr.into().replace("« ", "«\u{a0}"), |text, sign| {
                text.replace(&format!(" {sign}"), &format!("\u{a0}{sign}"))
            }),
            Lang::En => en.into(),
        }
    }

    /// `à 9 h 14`; on another day `le 2026-11-25 à 9 h 14`.
    pub(super) fn at(&self, moment: UnixTime) -> String {
        self.when(moment).at()
    }

    /// After a word such as *avant*: `9 h 14`; on another day `le 2026-11-25 à 9 h 14`.
    pub(super) fn moment(&self, moment: UnixTime) -> String {
        self.when(moment).moment()
    }

    /// `jusqu’à 9 h 14`; on another day `jusqu’au 2026-11-25 à 9 h 14`.
    pub(super) fn until(&self, moment: UnixTime) -> String {
        self.when(moment).until()
    }

    /// `2026-11-25`, in the desk's time zone.
    pub(super) fn day(&self, moment: UnixTime) -> String {
        self.when(moment).day()
    }

    /// `9 h 14` or `9:14 a.m.`, in the desk's time zone.
    pub(super) fn hour(&self, moment: UnixTime) -> String {
        self.when(moment).hour()
    }

    fn when(&self, moment: UnixTime) -> LocalMoment {
        LocalMoment::new(moment, self.now, &self.time_zone, self.lang)
    }

    pub(super) fn place(&self, class: ClientClass) -> String {
        match class {
            ClientClass::KnownDevice => self.say("sur un appareil connu", "on a known device"),
            ClientClass::ManagedNetwork => self.say("sur le réseau de l’organisation", "on the organization’s network"),
            ClientClass::Untrusted => self.say("de l’extérieur", "from outside"),
        }
    }
}

/// A moment in the desk's time zone. Its day is omitted if it is today.
struct LocalMoment {
    local: ZonedDateTime,
    is_today: bool,
    lang: Lang,
}

impl LocalMoment {
    fn new(moment: UnixTime, now: UnixTime, time_zone: &TimeZone, lang: Lang) -> Self {
        let local = |moment: UnixTime| {
            let moment = Timestamp::from_second(moment.0).unwrap_or(Timestamp::MAX);
            moment.to_zoned_datetime(time_zone.clone())
        };
        let (local, now) = (local(moment), local(now));
        Self { is_today: local.date() == now.date(), local, lang }
    }

    fn day(&self) -> String {
        self.local.strftime("%Y-%m-%d").to_string()
    }

    fn hour(&self) -> String {
        match self.lang {
            Lang::Fr => self.local.strftime("%-H\u{a0}h\u{a0}%M").to_string(),
            Lang::En => {
                let half = if self.local.hour() < 12 { "a.m." } else { "p.m." };
                format!("{}\u{a0}{half}", self.local.strftime("%-I:%M"))
            }
        }
    }

    /// Without a preposition.
    fn day_and_hour(&self) -> String {
        match self.lang {
            _ if self.is_today => self.hour(),
            Lang::Fr => format!("{} à {}", self.day(), self.hour()),
            Lang::En => format!("{} at {}", self.day(), self.hour()),
        }
    }

    fn moment(&self) -> String {
        let article = if self.lang == Lang::Fr && !self.is_today { "le " } else { "" };
        format!("{article}{}", self.day_and_hour())
    }

    fn at(&self) -> String {
        let preposition = match (self.lang, self.is_today) {
            (Lang::Fr, true) => "à",
            (Lang::Fr, false) => "le",
            (Lang::En, true) => "at",
            (Lang::En, false) => "on",
        };
        format!("{preposition} {}", self.day_and_hour())
    }

    fn until(&self) -> String {
        let preposition = match (self.lang, self.is_today) {
            (Lang::Fr, true) => "jusqu’à",
            (Lang::Fr, false) => "jusqu’au",
            (Lang::En, _) => "until",
        };
        format!("{preposition} {}", self.day_and_hour())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_another_day_include_the_day_with_its_preposition() {
        let montreal = TimeZone::get("America/Toronto").unwrap();
        let utc = |text: &str| UnixTime(text.parse::<Timestamp>().unwrap().as_second());
        let now = utc("2026-11-26T04:40:00Z");
        for (moment, lang, at, after, until) in [
            ("2026-11-26T04:50:00Z", Lang::Fr, "à 23 h 50", "23 h 50", "jusqu’à 23 h 50"),
            ("2026-11-26T04:50:00Z", Lang::En, "at 11:50 p.m.", "11:50 p.m.", "until 11:50 p.m."),
            (
                "2026-11-26T05:05:00Z",
                Lang::Fr,
                "le 2026-11-26 à 0 h 05",
                "le 2026-11-26 à 0 h 05",
                "jusqu’au 2026-11-26 à 0 h 05",
            ),
            (
                "2026-11-26T05:05:00Z",
                Lang::En,
                "on 2026-11-26 at 12:05 a.m.",
                "2026-11-26 at 12:05 a.m.",
                "until 2026-11-26 at 12:05 a.m.",
            ),
        ] {
            let when = LocalMoment::new(utc(moment), now, &montreal, lang);
            let message = [when.at(), when.moment(), when.until()].map(|message| message.replace('\u{a0}', " "));
            assert_eq!(message, [at, after, until], "{moment}, {lang:?}");
        }
    }
}
