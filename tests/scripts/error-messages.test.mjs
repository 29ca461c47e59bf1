import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.mjs";

openPage("fr");
const { ApiError } = await import("../../static-site/scripts/lib/api.js");
const { errorMessages } = await import("../../static-site/scripts/lib/error-messages.js");

/**
 * A form with these inputs, as far as `errorMessages` reads it.
 * @param {{ id?: string, hidden?: boolean, inputs?: Record<string, { readOnly?: boolean }> }} form
 */
function formWith({ id = "", hidden = false, inputs = {} }) {
  const elements = new Map(
    Object.entries(inputs).map(([name, input]) => [name, Object.assign(new HTMLInputElement(), input)]),
  );
  const form = {
    id,
    closest: () => (hidden ? {} : null),
    elements: { namedItem: (/** @type {string} */ name) => elements.get(name) ?? null },
  };
  return /** @type {HTMLFormElement} */ (/** @type {unknown} */ (form));
}

test("rate limit message depends on the form", () => {
  const error = new ApiError("too-many-attempts", { retryAfter: 120 });
  for (const [id, start] of [
    ["sign-in", "Trop d'essais. Réessayez dans 2\u00a0minutes"],
    ["password-form", "Trop d'essais. Réessayez dans 2\u00a0minutes"],
    ["register", "Trop de demandes pour ce nom d'utilisateur."],
    ["request-reset", "Trop de demandes pour ce nom d'utilisateur."],
    ["paste-code", "Trop de liens essayés"],
    ["reset", "Trop de liens essayés"],
    ["find-account", "Trop de recherches"],
    ["another", "Trop de demandes. Réessayez dans 2\u00a0minutes."],
  ]) {
    const [{ text, link }] = errorMessages(error, formWith({ id }));
    assert.ok(text.startsWith(start), `${id}: ${text}`);
    assert.equal(link?.href, text.startsWith("Trop d'essais") ? "/mot-de-passe-oublie" : undefined, id);
  }
  assert.equal(errorMessages(error)[0].text, "Trop de demandes. Réessayez dans 2\u00a0minutes.");
});

test("message for a locked account offers a link instead of a wait", () => {
  const form = formWith({ id: "sign-in" });
  const message = (/** @type {number} */ retryAfter) =>
    errorMessages(new ApiError("too-many-attempts", { retryAfter }), form)[0];
  assert.ok(message(86_399).text.includes("Réessayez dans 24\u00a0heures"));
  const locked = message(86_400);
  assert.ok(!locked.text.includes("Réessayez"), locked.text);
  assert.deepEqual(locked.link, { href: "/mot-de-passe-oublie", text: "Demander un lien par courriel" });
});

test("each password violation is a message at the password", () => {
  const error = new ApiError("password-refused", { violations: ["too-short", "of-a-newer-api"] });
  assert.deepEqual(errorMessages(error), [
    { text: "Le mot de passe est trop court. Choisissez-en un plus long.", field: "password" },
    { text: "Ce mot de passe ne convient pas. Choisissez-en un autre.", field: "password" },
  ]);
  assert.deepEqual(errorMessages(new ApiError("password-refused")), [
    { text: "Ce mot de passe ne convient pas. Choisissez-en un autre.", field: "password" },
  ]);
});

test("invalid account is a message at the account, unless it is read-only", () => {
  const error = new ApiError("invalid-request");
  const [typed] = errorMessages(error, formWith({ inputs: { account: {} } }));
  assert.equal(typed.field, "account");
  assert.match(typed.text, /^Vérifiez le nom d'utilisateur/);
  const [fixed] = errorMessages(error, formWith({ inputs: { account: { readOnly: true } } }));
  assert.deepEqual(fixed, { text: "Vérifiez ce que vous avez tapé, puis réessayez.", field: undefined });
});

test("wrong password is a message at the current password, if the form has one", () => {
  const error = new ApiError("invalid-credentials");
  assert.deepEqual(errorMessages(error, formWith({ inputs: { current: {}, password: {} } })), [
    { text: "Ce n'est pas votre mot de passe actuel.", field: "current" },
  ]);
  assert.deepEqual(errorMessages(error, formWith({ inputs: { account: {}, password: {} } })), [
    { text: "Le nom d'utilisateur ou le mot de passe n'est pas le bon.", field: "password" },
  ]);
  assert.equal(errorMessages(new ApiError("confirmation-differs"))[0].field, "confirmation");
});

test("input is said to be kept only while its form is visible", () => {
  const kept = "Ce que vous avez tapé est encore là.";
  const message = (/** @type {HTMLFormElement} */ form) => errorMessages(new ApiError("offline"), form)[0].text;
  assert.ok(message(formWith({})).includes(kept));
  assert.ok(!message(formWith({ hidden: true })).includes(kept));
  assert.ok(!errorMessages(new ApiError("offline"))[0].text.includes(kept));
});

test("unknown code gets the generic message", () => {
  const [{ text, field }] = errorMessages(new ApiError("of-a-newer-api"));
  assert.match(text, /^Quelque chose d'imprévu s'est produit\./);
  assert.equal(field, undefined);
});
