import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { MemoryStorage } from "./page.mjs";

// A classic script, which runs before everything else on each page.
const script = await readFile(new URL("../../static-site/scripts/language.js", import.meta.url), "utf8");

/**
 * The language of a page for a browser with these languages.
 * @param {string[]} languages
 * @param {string} [saved]
 */
function choose(languages, saved) {
  const localStorage = new MemoryStorage();
  if (saved !== undefined) localStorage.setItem("guichet.language", saved);
  return run({ navigator: { languages }, localStorage });
}

/** @param {Record<string, unknown>} globals */
function run(globals) {
  const documentElement = { lang: "fr-CA", dataset: { locales: "" } };
  runInNewContext(script, { document: { documentElement }, ...globals });
  assert.equal(documentElement.dataset.locales, "fr-CA en-CA");
  return documentElement.lang;
}

test("saved language wins over the browser's", () => {
  assert.equal(choose(["fr-CA", "fr"], "en"), "en-CA");
  assert.equal(choose(["en-US"], "fr"), "fr-CA");
});

test("first supported language of the browser is used", () => {
  assert.equal(choose(["en-US", "fr-CA"]), "en-CA");
  assert.equal(choose(["de-DE", "EN"]), "en-CA");
  assert.equal(choose(["fr-FR", "en"]), "fr-CA");
});

test("French is the default", () => {
  assert.equal(choose([]), "fr-CA");
  assert.equal(choose(["de-DE", "es"]), "fr-CA");
  assert.equal(choose(["de-DE"], "it"), "fr-CA");
});

test("disabled storage leaves the choice to the browser", () => {
  const navigator = { languages: ["en-CA"] };
  assert.equal(run({ navigator }), "en-CA");
});
