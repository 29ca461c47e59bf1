import assert from "node:assert/strict";
import { test } from "node:test";

let loads = 0;

/**
 * The portal's address on a page that gets this response for `/settings.json`.
 * @param {() => Promise<Response>} respond
 */
async function addressFor(respond) {
  globalThis.fetch = respond;
  // The script loads the settings once, when it is imported: a query makes it another module.
  const url = new URL(`../../static-site/scripts/lib/settings.js?${loads++}`, import.meta.url);
  /** @type {typeof import("../../static-site/scripts/lib/settings.js")} */
  const { portalAddress } = await import(url.href);
  return portalAddress();
}

test("portal address is that of the settings", async () => {
  const respond = async () => Response.json({ deskPortalUrl: "https://bureau.example/accueil" });
  assert.equal(await addressFor(respond), "https://bureau.example/accueil");
});

test("only http and https addresses are followed", async () => {
  for (const deskPortalUrl of [
    "",
    "javascript:alert(1)",
    " https://bureau.example",
    "//bureau.example",
    "data:text/html,",
  ]) {
    assert.equal(await addressFor(async () => Response.json({ deskPortalUrl })), null, deskPortalUrl);
  }
});

test("settings that cannot be loaded count as empty", async () => {
  assert.equal(await addressFor(async () => Response.json({})), null);
  const body = { deskPortalUrl: "https://bureau.example" };
  assert.equal(await addressFor(async () => Response.json(body, { status: 403 })), null);
  assert.equal(await addressFor(async () => new Response("<html>")), null);
  const offline = async () => {
    throw new TypeError("Failed to fetch");
  };
  assert.equal(await addressFor(offline), null);
});
