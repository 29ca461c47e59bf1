import { text } from "./text.js";

const locale = document.documentElement.lang;
const timeFormat = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
const dateFormat = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

/**
 * « 14 h 05 », with no-break spaces.
 * @param {Date} date
 */
export const formatTime = (date) => timeFormat.format(date).replace(/\s/g, "\u00a0");

/**
 * « 1er mai 2026 », "May 1, 2026". Intl formats the first day of a month without the French ordinal.
 * @param {Date} date
 */
const formatDate = (date) =>
  dateFormat
    .format(date)
    .replace(/^1(?=\s)/, "1er")
    .replace(/^(\S+)\s/, "$1\u00a0");

/** @param {Date} date */
function daysAgo(date) {
  /** @param {number | Date} moment */
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
}

/**
 * « aujourd'hui à 14 h 05 », « hier à… », « le 12 mai 2026 à… ».
 * @param {string} iso
 */
export function formatMoment(iso) {
  const date = new Date(iso);
  const key = ["time.today", "time.yesterday"][daysAgo(date)] ?? "time.date";
  return text(key, { hour: formatTime(date), date: formatDate(date) });
}

/**
 * What follows « jusqu' »: « à 14 h 05 » today, « au 12 mai 2026 à 14 h 05 » otherwise.
 * @param {string} iso
 */
export function formatUntil(iso) {
  const date = new Date(iso);
  const key = daysAgo(date) === 0 ? "time.until-today" : "time.until-date";
  return text(key, { hour: formatTime(date), date: formatDate(date) });
}

/**
 * « dans 12 minutes ». Rounds up, so that nobody retries too early.
 * @param {number} [seconds] `Retry-After`
 */
export function formatWait(seconds) {
  if (!seconds) return text("wait.unknown");
  if (seconds < 60) return text("wait.moment");
  const [value, unit] = seconds <= 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  const format = new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });
  return text("wait.for", { duration: format.format(Math.ceil(value)).replace(/\s/g, "\u00a0") });
}
