// Both pages that mail a link: what differs is in their markup.
import "/scripts/lib/language.js";
import { ask } from "/scripts/lib/api.js";
import { clearErrors } from "/scripts/lib/errors.js";
import { onClick, takeOver } from "/scripts/lib/form.js";
import { keptName, takeWord } from "/scripts/lib/memory.js";
import { slotsOf } from "/scripts/lib/template.js";
import { text } from "/scripts/lib/text.js";
import { hour } from "/scripts/lib/time.js";

// Requests for one account are one for so long: asked again sooner, no second mail would come.
const ONE_REQUEST_MS = 120_000;

const form = document.querySelector("form");
const request = document.getElementById("request");
const done = document.getElementById("done");
const again = document.getElementById("again");
const hint = document.getElementById("again-hint");

function show(sent) {
  request.hidden = sent;
  done.hidden = !sent;
}

function send(account) {
  return ask("POST", form.getAttribute("action"), { account });
}

function restAfter(key) {
  const ready = Date.now() + ONE_REQUEST_MS;
  again.setAttribute("aria-disabled", "true");
  // The minute that begins after it: nobody comes back too early.
  hint.textContent = text(key, { hour: hour(new Date(ready + 60_000)) });
  setTimeout(() => {
    again.removeAttribute("aria-disabled");
    hint.textContent = "";
  }, ONE_REQUEST_MS);
}

takeOver(form, async ({ account }) => {
  await send(account);
  slotsOf(done).account.textContent = account;
  show(true);
  restAfter("asked.again-at");
  document.getElementById("done-title").focus();
});

const sendAgain = async () => {
  await send(form.elements.account.value);
  restAfter("asked.sent-again");
};
onClick(again, sendAgain, form);

document.getElementById("another").addEventListener("click", () => {
  clearErrors();
  show(false);
  form.elements.account.focus();
});

const { account, send: atOnce } = takeWord();
form.elements.account.value = account ?? keptName() ?? form.elements.account.value;
if (atOnce) form.requestSubmit();
