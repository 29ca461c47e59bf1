import { text } from "/scripts/lib/text.js";

const locale = document.documentElement.lang;
const hourFormat = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const dateFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

/** « 14 h 05 », on one line. */
export const hour = (date) => hourFormat.format(date).replace(/\s/g, "\u00a0");

/** « 1er mai 2026 »: Intl leaves the ordinal of the first out. « May 1, 2026 » in English. */
const formatDate = (date) =>
  dateFormat
    .format(date)
    .replace(/^1(?=\s)/, "1er")
    .replace(/^(\S+)\s/, "$1\u00a0");

function daysAgo(date) {
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
}

/** When it was: « aujourd'hui à 14 h 05 », « hier à… », « le 12 mai 2026 à… ». */
export function moment(iso) {
  const date = new Date(iso);
  const key = { 0: "time.today", 1: "time.yesterday" }[daysAgo(date)] ?? "time.date";
  return text(key, { hour: hour(date), date: formatDate(date) });
}

/** Until when, after « jusqu' »: « à 14 h 05 » today, « au 12 mai 2026 à 14 h 05 » otherwise. */
export function until(iso) {
  const date = new Date(iso);
  const key = daysAgo(date) === 0 ? "time.until-today" : "time.until-date";
  return text(key, { hour: hour(date), date: formatDate(date) });
}

/** How long to wait, from `Retry-After` seconds: « dans 12 minutes ». Rounded up, so that nobody comes back too early. */
export function wait(seconds) {
  if (!seconds) return text("wait.unknown");
  if (seconds < 60) return text("wait.moment");
  const [value, unit] = seconds <= 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const format = new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });
  return text("wait.for", { duration: format.format(Math.ceil(value)).replace(/\s/g, "\u00a0") });
}
