import { request } from "../lib/api.js";
import { cloneTemplate, query } from "../lib/dom.js";
import { showErrors } from "../lib/errors.js";
import { enhanceForm } from "../lib/form.js";
import { setFlash } from "../lib/storage.js";
import { text } from "../lib/text.js";

// The API's maximum: with this many there may be more.
const MAX_RESULTS = 20;

/** @typedef {{ account: string, name: string }} Result */

const results = query("#results", HTMLElement);
const title = query("#results-title", HTMLElement);

/**
 * Checks that the fields name a person either by name or by email address, which `required` cannot express.
 * @param {Record<string, string>} fields
 */
function validate({ family_name: family, given_name: given, email }) {
  if (!family && !given && !email) return [{ text: text("missing.person"), field: "family_name" }];
  if (email) return family || given ? [{ text: text("find.name-or-email"), field: "email" }] : [];
  return Object.entries({ family_name: family, given_name: given })
    .filter(([, value]) => !value)
    .map(([field]) => ({ text: text(`missing.${field}`), field }));
}

/** @param {Result} result */
function resultItem({ account, name }) {
  const { element, slots } = cloneTemplate("result");
  slots.account.textContent = account;
  slots.name.textContent = name;
  slots.account.addEventListener("click", () => setFlash({ account, notice: "account-found" }));
  return element;
}

/** @param {Result[]} accounts */
function show(accounts) {
  const count = accounts.length;
  /** @type {Record<number, string>} */
  const keys = { 0: "found.none", 1: "found.one", [MAX_RESULTS]: "found.most" };
  title.textContent = text(keys[count] ?? "found.many", { count });
  const list = query("ul", HTMLElement, results);
  list.replaceChildren(...accounts.map(resultItem));
  for (const part of [list, query(":scope > p", HTMLElement, results)]) part.hidden = count === 0;
  results.hidden = false;
  title.focus();
}

enhanceForm(query("#find-account", HTMLFormElement), async (values) => {
  results.hidden = true;
  const fields = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.trim()]));
  const problems = validate(fields);
  if (problems.length > 0) return showErrors(problems);
  const { family_name, given_name, email } = fields;
  /** @type {{ accounts: Result[] }} */
  const { accounts } = await request("POST", "/api/find-account", email ? { email } : { family_name, given_name });
  show(accounts);
});
