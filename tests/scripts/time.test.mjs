import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.mjs";

process.env.TZ = "America/Toronto";
openPage("fr");
const { formatMoment, formatTime, formatUntil, formatWait } = await import("../../static-site/scripts/lib/time.js");

/**
 * Sets the clock, in local time.
 * @param {string} local
 */
function setClock(local) {
  const now = Date.parse(local);
  Date.now = () => now;
}

/** @param {string} local */
const iso = (local) => new Date(local).toISOString();

test("time has no-break spaces", () => {
  assert.equal(formatTime(new Date("2026-05-12T14:05")), "14\u00a0h\u00a005");
  assert.equal(formatTime(new Date("2026-05-12T00:00")), "0\u00a0h\u00a000");
});

test("moment is today, yesterday, or a date", () => {
  setClock("2026-05-12T00:01");
  assert.equal(formatMoment(iso("2026-05-12T00:00")), "aujourd'hui à\u00a00\u00a0h\u00a000");
  assert.equal(formatMoment(iso("2026-05-11T23:59")), "hier à\u00a023\u00a0h\u00a059");
  assert.equal(formatMoment(iso("2026-05-10T23:59")), "le 10\u00a0mai 2026 à\u00a023\u00a0h\u00a059");
  assert.equal(formatMoment(iso("2026-05-13T09:00")), "le 13\u00a0mai 2026 à\u00a09\u00a0h\u00a000");
});

test("first day of a month is an ordinal in French", () => {
  setClock("2026-06-15T12:00");
  assert.match(formatMoment(iso("2026-05-01T09:00")), /^le 1er\u00a0mai 2026 /);
  assert.match(formatMoment(iso("2026-05-11T09:00")), /^le 11\u00a0mai 2026 /);
});

test("yesterday is right across both clock changes", () => {
  // Toronto, 2026: 8 March has 23 hours, 1 November has 25.
  setClock("2026-03-09T00:30");
  assert.match(formatMoment(iso("2026-03-08T00:30")), /^hier /);
  assert.match(formatMoment(iso("2026-03-07T23:30")), /^le 7\u00a0mars /);
  setClock("2026-11-02T00:30");
  assert.match(formatMoment(iso("2026-11-01T00:30")), /^hier /);
  assert.match(formatMoment(iso("2026-10-31T23:30")), /^le 31\u00a0octobre /);
});

test("expiry names the date unless it is today", () => {
  setClock("2026-05-12T14:00");
  assert.equal(formatUntil(iso("2026-05-12T14:05")), "à\u00a014\u00a0h\u00a005");
  assert.equal(formatUntil(iso("2026-05-11T14:05")), "au 11\u00a0mai 2026 à\u00a014\u00a0h\u00a005");
  assert.equal(formatUntil(iso("2026-05-13T14:05")), "au 13\u00a0mai 2026 à\u00a014\u00a0h\u00a005");
});

test("wait is rounded up", () => {
  assert.equal(formatWait(), "dans quelques instants");
  assert.equal(formatWait(0), "dans quelques instants");
  assert.equal(formatWait(Number.NaN), "dans quelques instants");
  assert.equal(formatWait(1), "dans une minute");
  assert.equal(formatWait(59), "dans une minute");
  assert.equal(formatWait(61), "dans 2\u00a0minutes");
  assert.equal(formatWait(5400), "dans 90\u00a0minutes");
  assert.equal(formatWait(5401), "dans 2\u00a0heures");
  assert.equal(formatWait(7201), "dans 3\u00a0heures");
});
