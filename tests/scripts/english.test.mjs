import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.mjs";

openPage("en");
const { formatMoment, formatTime, formatWait } = await import("../../static-site/scripts/lib/time.js");

test("English pages format times as English Canada does", () => {
  assert.equal(formatTime(new Date("2026-05-12T14:05")), "2:05\u00a0p.m.");
  assert.match(formatMoment("2020-05-01T12:00:00Z"), /^May\u00a01, 2020 at /);
  assert.equal(formatWait(61), "in 2\u00a0minutes");
});
