import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.mjs";

openPage("fr");
const { passwordRules } = await import("../../static-site/scripts/lib/password-field.js");

const POLICY = { min_length: 4, max_length: 8, needs_letter: true, needs_digit: true };
const LENGTH = "De 4 à 8 caractères";
const LETTER = "Au moins une lettre";
const DIGIT = "Au moins un chiffre";
const ACCOUNT = "Sans votre nom d'utilisateur";

/**
 * The rules that this password meets.
 * @param {string} password
 */
function met(password, policy = POLICY) {
  const rules = passwordRules(policy, "oie");
  return rules.filter((rule) => rule.isMet(password)).map((rule) => rule.text);
}

test("policy decides which rules are listed", () => {
  const lax = { min_length: 6, needs_letter: false, needs_digit: false };
  const texts = (/** @type {typeof lax} */ policy) => passwordRules(policy, "oie").map(({ text }) => text);
  assert.deepEqual(texts(POLICY), [LENGTH, LETTER, DIGIT, ACCOUNT]);
  assert.deepEqual(texts(lax), ["Au moins 6 caractères", ACCOUNT]);
});

test("empty password meets no rule", () => {
  assert.deepEqual(met(""), []);
});

test("length has both limits", () => {
  assert.ok(!met("abc").includes(LENGTH));
  assert.ok(met("abcd").includes(LENGTH));
  assert.ok(met("abcdefgh").includes(LENGTH));
  assert.ok(!met("abcdefghi").includes(LENGTH));
});

test("length counts code points of the composed form", () => {
  assert.ok(!met("🦆🦆🦆").includes(LENGTH), "3 code points, 6 UTF-16 units");
  assert.ok(!met("e\u0301e\u0301e\u0301").includes(LENGTH), "3 composed letters, 6 code points");
  assert.ok(met("ﬁﬁ").includes(LENGTH), "NFKC makes the ligature two letters");
});

test("letters and digits of any script count", () => {
  assert.deepEqual(met("é2é2"), [LENGTH, LETTER, DIGIT, ACCOUNT]);
  assert.deepEqual(met("жжж٣"), [LENGTH, LETTER, DIGIT, ACCOUNT]);
  assert.deepEqual(met("----"), [LENGTH, ACCOUNT]);
});

test("account name is found in any case", () => {
  assert.ok(!met("mon-OIE").includes(ACCOUNT));
  assert.ok(met("mon-oi").includes(ACCOUNT));
});
