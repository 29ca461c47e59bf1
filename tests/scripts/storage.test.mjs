import assert from "node:assert/strict";
import { test } from "node:test";
import * as storage from "../../static-site/scripts/lib/storage.js";
import { disableStorage, enableStorage } from "./page.mjs";

test("disabled storage remembers nothing and throws nothing", () => {
  disableStorage();
  storage.saveAccount("tremblam");
  storage.saveLanguage("en");
  storage.markLanguageSwitched();
  storage.markSignedIn();
  storage.setFlash({ account: "tremblam" });
  assert.equal(storage.savedAccount(), undefined);
  assert.equal(storage.savedLanguage(), undefined, "not null, which means that none is saved");
  assert.equal(storage.languageSwitched(), false);
  assert.deepEqual(storage.takeFlash(), {});
  storage.forgetAccount();
  storage.markSignedOut();
});

test("page asks for a session unless it knows that there is none", () => {
  disableStorage();
  assert.equal(storage.maybeSignedIn(), true);
  enableStorage();
  assert.equal(storage.maybeSignedIn(), false);
  storage.markSignedIn();
  assert.equal(storage.maybeSignedIn(), true);
  storage.markSignedOut();
  assert.equal(storage.maybeSignedIn(), false);
});

test("account and language are remembered", () => {
  enableStorage();
  assert.equal(storage.savedAccount(), null);
  assert.equal(storage.savedLanguage(), null);
  storage.saveAccount("tremblam");
  storage.saveLanguage("en");
  assert.equal(storage.savedAccount(), "tremblam");
  assert.equal(storage.savedLanguage(), "en");
  storage.forgetAccount();
  assert.equal(storage.savedAccount(), null);
  assert.equal(storage.savedLanguage(), "en");
});

test("flash is read once", () => {
  enableStorage();
  storage.setFlash({ account: "tremblam", notice: "password-set" });
  assert.deepEqual(storage.takeFlash(), { account: "tremblam", notice: "password-set" });
  assert.deepEqual(storage.takeFlash(), {});
});

test("malformed flash is dropped", () => {
  enableStorage();
  sessionStorage.setItem("guichet.flash", "{");
  assert.deepEqual(storage.takeFlash(), {});
  assert.equal(sessionStorage.getItem("guichet.flash"), null);
});

test("flash and language choice are limited to the tab", () => {
  enableStorage();
  storage.setFlash({ send: true });
  storage.markLanguageSwitched();
  enableStorage();
  assert.equal(storage.languageSwitched(), false);
  assert.deepEqual(storage.takeFlash(), {});
});
