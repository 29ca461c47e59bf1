import "/scripts/lib/language.js";
import { ask } from "/scripts/lib/api.js";
import { showErrors } from "/scripts/lib/errors.js";
import { takeOver } from "/scripts/lib/form.js";
import { leaveWord } from "/scripts/lib/memory.js";
import { copyOf } from "/scripts/lib/template.js";
import { text } from "/scripts/lib/text.js";

// What the API gives at most: there may be more.
const MOST = 20;

const results = document.getElementById("results");
const title = document.getElementById("results-title");

/** What is wrong with the way of searching, if anything: the two ways exclude each other, so `required` cannot say it. */
function problemsWith({ family_name: family, given_name: given, email }) {
  if (!family && !given && !email) return [{ text: text("missing.person"), field: "family_name" }];
  if (email) return family || given ? [{ text: text("both-ways"), field: "email" }] : [];
  return Object.entries({ family_name: family, given_name: given })
    .filter(([, value]) => !value)
    .map(([field]) => ({ text: text(`missing.${field}`), field }));
}

function entry({ account, name }) {
  const { element, slots } = copyOf("result");
  slots.account.textContent = account;
  slots.name.textContent = name;
  slots.account.addEventListener("click", () => leaveWord({ account, notice: "account-found" }));
  return element;
}

function show(accounts) {
  const count = accounts.length;
  const key = { 0: "found.none", 1: "found.one", [MOST]: "found.most" }[count] ?? "found.many";
  title.textContent = text(key, { count });
  const list = results.querySelector("ul");
  list.replaceChildren(...accounts.map(entry));
  for (const part of [list, results.lastElementChild]) part.hidden = count === 0;
  results.hidden = false;
  title.focus();
}

takeOver(document.getElementById("find-account"), async (typed) => {
  results.hidden = true;
  const fields = Object.fromEntries(Object.entries(typed).map(([name, value]) => [name, value.trim()]));
  const problems = problemsWith(fields);
  if (problems.length > 0) return showErrors(problems);
  const { family_name, given_name, email } = fields;
  const { accounts } = await ask("POST", "/api/find-account", email ? { email } : { family_name, given_name });
  show(accounts);
});
