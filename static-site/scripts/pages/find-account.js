import "/scripts/lib/language.js";
import { request } from "/scripts/lib/api.js";
import { showErrors } from "/scripts/lib/errors.js";
import { enhanceForm } from "/scripts/lib/form.js";
import { setFlash } from "/scripts/lib/storage.js";
import { cloneTemplate } from "/scripts/lib/dom.js";
import { text } from "/scripts/lib/text.js";

// What the API gives at most: there may be more.
const MAX_RESULTS = 20;

const results = document.getElementById("results");
const title = document.getElementById("results-title");

/** What is wrong with the way of searching, if anything: the two ways exclude each other, so `required` cannot say it. */
function validate({ family_name: family, given_name: given, email }) {
  if (!family && !given && !email) return [{ text: text("missing.person"), field: "family_name" }];
  if (email) return family || given ? [{ text: text("find.name-or-email"), field: "email" }] : [];
  return Object.entries({ family_name: family, given_name: given })
    .filter(([, value]) => !value)
    .map(([field]) => ({ text: text(`missing.${field}`), field }));
}

function entry({ account, name }) {
  const { element, slots } = cloneTemplate("result");
  slots.account.textContent = account;
  slots.name.textContent = name;
  slots.account.addEventListener("click", () => setFlash({ account, notice: "account-found" }));
  return element;
}

function show(accounts) {
  const count = accounts.length;
  const key = { 0: "found.none", 1: "found.one", [MAX_RESULTS]: "found.most" }[count] ?? "found.many";
  title.textContent = text(key, { count });
  const list = results.querySelector("ul");
  list.replaceChildren(...accounts.map(entry));
  for (const part of [list, results.lastElementChild]) part.hidden = count === 0;
  results.hidden = false;
  title.focus();
}

enhanceForm(document.getElementById("find-account"), async (typed) => {
  results.hidden = true;
  const fields = Object.fromEntries(Object.entries(typed).map(([name, value]) => [name, value.trim()]));
  const problems = validate(fields);
  if (problems.length > 0) return showErrors(problems);
  const { family_name, given_name, email } = fields;
  const { accounts } = await request("POST", "/api/find-account", email ? { email } : { family_name, given_name });
  show(accounts);
});
