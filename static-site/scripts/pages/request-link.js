// Both pages that mail a link: what differs is in their markup.
import "/scripts/lib/language.js";
import { request } from "/scripts/lib/api.js";
import { clearErrors } from "/scripts/lib/errors.js";
import { onClick, enhanceForm } from "/scripts/lib/form.js";
import { savedAccount, takeFlash } from "/scripts/lib/storage.js";
import { slotsOf } from "/scripts/lib/dom.js";
import { text } from "/scripts/lib/text.js";
import { hour } from "/scripts/lib/time.js";

// Requests for one account are one for so long: asked again sooner, no second mail would come.
const DEDUP_WINDOW_MS = 120_000;

const form = document.querySelector("form");
const requestView = document.getElementById("request");
const done = document.getElementById("done");
const again = document.getElementById("again");
const hint = document.getElementById("again-hint");

function show(sent) {
  requestView.hidden = sent;
  done.hidden = !sent;
}

function send(account) {
  return request("POST", form.getAttribute("action"), { account });
}

function startCooldown(key) {
  const ready = Date.now() + DEDUP_WINDOW_MS;
  again.setAttribute("aria-disabled", "true");
  // The minute that begins after it: nobody comes back too early.
  hint.textContent = text(key, { hour: hour(new Date(ready + 60_000)) });
  setTimeout(() => {
    again.removeAttribute("aria-disabled");
    hint.textContent = "";
  }, DEDUP_WINDOW_MS);
}

enhanceForm(form, async ({ account }) => {
  await send(account);
  slotsOf(done).account.textContent = account;
  show(true);
  startCooldown("requested.again-at");
  document.getElementById("done-title").focus();
});

const sendAgain = async () => {
  await send(form.elements.account.value);
  startCooldown("requested.sent-again");
};
onClick(again, sendAgain, form);

document.getElementById("change-account").addEventListener("click", () => {
  clearErrors();
  show(false);
  form.elements.account.focus();
});

const { account, send: submit } = takeFlash();
form.elements.account.value = account ?? savedAccount() ?? form.elements.account.value;
if (submit) form.requestSubmit();
