// Both pages that request a link, /inscription and /mot-de-passe-oublie. They differ only in their markup.
import { request } from "../lib/api.js";
import { query, slotsOf } from "../lib/dom.js";
import { clearErrors } from "../lib/errors.js";
import { enhanceForm, onClick } from "../lib/form.js";
import { savedAccount, takeFlash } from "../lib/storage.js";
import { text } from "../lib/text.js";
import { formatTime } from "../lib/time.js";

// The API sends no second email for the same account within this window.
const DEDUP_WINDOW_MS = 120_000;

const form = query("form", HTMLFormElement);
const accountInput = query("[name=account]", HTMLInputElement, form);
const requestView = query("#request", HTMLElement);
const done = query("#done", HTMLElement);
const again = query("#again", HTMLButtonElement);
const hint = query("#again-hint", HTMLElement);

/** @param {boolean} sent */
function show(sent) {
  requestView.hidden = sent;
  done.hidden = !sent;
}

/** @param {string} account */
function send(account) {
  return request("POST", form.getAttribute("action") ?? "", { account });
}

/**
 * Disables "send again" for the deduplication window.
 * @param {string} key the text that says until when
 */
function startCooldown(key) {
  const end = Date.now() + DEDUP_WINDOW_MS;
  again.setAttribute("aria-disabled", "true");
  // The time has no seconds; the next full minute is never too early.
  hint.textContent = text(key, { hour: formatTime(new Date(end + 60_000)) });
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
  query("#done-title", HTMLElement).focus();
});

const sendAgain = async () => {
  await send(accountInput.value);
  startCooldown("requested.sent-again");
};
onClick(again, sendAgain, form);

query("#change-account", HTMLButtonElement).addEventListener("click", () => {
  clearErrors();
  show(false);
  accountInput.focus();
});

const { account, send: submit } = takeFlash();
accountInput.value = account ?? savedAccount() ?? accountInput.value;
if (submit) form.requestSubmit();
