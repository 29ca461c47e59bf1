import assert from "node:assert/strict";
import { test } from "node:test";
import { parseToken } from "../../static-site/scripts/lib/token.js";

const TOKEN = "3q2-7wAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const LINK = `https://portail.example/changer-mon-mot-de-passe#${TOKEN}`;

test("token is found in what mail systems make of a link", () => {
  for (const input of [
    TOKEN,
    `#${TOKEN}`,
    `  ${TOKEN}\n`,
    LINK,
    `<${LINK}>.`,
    `Voici le lien: ${LINK} (valide une heure)`,
    LINK.replace("#", "%23"),
    LINK.replace("#", "%2523"),
    encodeURIComponent(encodeURIComponent(LINK)),
    `${LINK}#`,
  ]) {
    assert.equal(parseToken(input), TOKEN, input);
  }
});

test("token broken by white space is joined", () => {
  const broken = `${TOKEN.slice(0, 20)}\r\n  ${TOKEN.slice(20)}`;
  assert.equal(parseToken(broken), TOKEN);
  assert.equal(parseToken(`${broken} merci`), TOKEN);
  assert.equal(parseToken(LINK.replace(TOKEN, broken)), TOKEN);
});

test("token is not joined with the words around it", () => {
  assert.equal(parseToken(`code ${TOKEN} ou`), TOKEN);
});

test("input without a token keeps only the characters of tokens", () => {
  assert.equal(parseToken("court-42 !"), "court-42");
  assert.equal(parseToken("<script>"), "script");
  assert.equal(parseToken(""), "");
  assert.equal(parseToken("#"), "");
});

test("malformed percent encoding is not decoded", () => {
  assert.equal(parseToken(`%E0%A4%A#${TOKEN}`), TOKEN);
  assert.equal(parseToken("100%"), "100");
});
