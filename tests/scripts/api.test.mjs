import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { enableStorage, openPage } from "./page.mjs";

openPage("fr");
enableStorage();
const { ApiError, errorCode, request } = await import("../../static-site/scripts/lib/api.js");
const { markLanguageSwitched, savedLanguage } = await import("../../static-site/scripts/lib/storage.js");

beforeEach(enableStorage);

/**
 * Makes the API answer with this response.
 * @param {string | null} body
 * @param {ResponseInit} [init]
 */
function respond(body, init) {
  globalThis.fetch = async () => new Response(body, init);
}

/** @returns {Promise<InstanceType<typeof ApiError>>} */
async function failure() {
  const error = await request("POST", "/api/login", {}).catch((error) => error);
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

test("successful response is its JSON, or null if it is empty", async () => {
  respond('{"account": "tremblam"}');
  assert.deepEqual(await request("GET", "/api/session"), { account: "tremblam" });
  respond(null, { status: 204 });
  assert.equal(await request("DELETE", "/api/session"), null);
});

test("body is sent as JSON, and a request without body has no content type", async () => {
  /** @type {RequestInit[]} */
  const sent = [];
  globalThis.fetch = async (_, init) => {
    sent.push(init ?? {});
    return new Response("{}");
  };
  await request("POST", "/api/login", { account: "tremblam" });
  await request("GET", "/api/session");
  assert.equal(sent[0].body, '{"account":"tremblam"}');
  assert.equal(new Headers(sent[0].headers).get("content-type"), "application/json");
  assert.equal(sent[1].body, undefined);
  assert.equal(sent[1].headers, undefined);
});

test("problem details become an ApiError", async () => {
  respond('{"code": "password-refused", "violations": ["too-short"]}', { status: 422 });
  const refused = await failure();
  assert.equal(refused.code, "password-refused");
  assert.deepEqual(refused.violations, ["too-short"]);
  respond('{"code": "too-many-attempts"}', { status: 429, headers: { "Retry-After": "900" } });
  const limited = await failure();
  assert.equal(limited.retryAfter, 900);
  assert.deepEqual(limited.violations, []);
});

test("error response that is not JSON gets a code by its status", async () => {
  for (const [status, code] of /** @type {const} */ ([
    [429, "too-many-attempts"],
    [500, "unavailable"],
    [503, "unavailable"],
    [403, "unexpected"],
  ])) {
    respond("<html>Forbidden</html>", { status });
    assert.equal((await failure()).code, code, String(status));
  }
});

test("missing response is the error offline", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("Failed to fetch");
  };
  assert.equal((await failure()).code, "offline");
});

test("only an ApiError has an error code", () => {
  assert.equal(errorCode(new ApiError("link-used")), "link-used");
  assert.equal(errorCode(Object.assign(new Error(), { code: "link-used" })), undefined);
});

test("preferred language is saved, unless the user switched in this tab", async () => {
  const headers = { "Content-Language": "en-CA" };
  respond("{}", { headers });
  await request("GET", "/api/session");
  assert.equal(savedLanguage(), "en");
  respond("{}", { headers: { "Content-Language": "de-DE" } });
  await request("GET", "/api/session");
  assert.equal(savedLanguage(), "en", "an unsupported language changes nothing");

  enableStorage();
  markLanguageSwitched();
  respond("{}", { headers });
  await request("GET", "/api/session");
  assert.equal(savedLanguage(), null);
});
