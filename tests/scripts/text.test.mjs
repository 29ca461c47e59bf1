import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.mjs";

openPage("fr");
const { firstText, text } = await import("../../static-site/scripts/lib/text.js");

test("placeholders are filled in", () => {
  assert.equal(text("found.many", { count: 7 }), "7 comptes trouvés");
  assert.equal(text("rule.length", { min_length: 4, max_length: 128 }), "De 4 à 128 caractères");
  assert.equal(text("found.one"), "1 compte trouvé");
});

test("values are not read as placeholders or replacement patterns", () => {
  assert.equal(text("error.title-prefix", { title: "{title} $& $1" }), "Erreur\u00a0: {title} $& $1");
});

test("unknown key throws", () => {
  assert.throws(() => text("no.such-key"), TypeError);
  assert.throws(() => firstText(["no.such-key", "nor.this-one"]), TypeError);
});

test("first known key is used", () => {
  assert.equal(firstText(["event.signed-in", "event.other"]), "Connexion");
  assert.equal(firstText(["event.of-a-newer-api", "event.other"]), "Autre activité");
  assert.equal(firstText(["toString", "found.many"], { count: 2 }), "2 comptes trouvés");
});
