import { ApiError, errorCode, request } from "../lib/api.js";
import { query, slotsOf } from "../lib/dom.js";
import { enhanceForm, onClick } from "../lib/form.js";
import { applyPreferredLanguage } from "../lib/language.js";
import { addRevealButtons } from "../lib/password-field.js";
import { portalAddress, showPortalLink } from "../lib/settings.js";
import {
  forgetAccount,
  markSignedIn,
  markSignedOut,
  maybeSignedIn,
  saveAccount,
  savedAccount,
  takeFlash,
} from "../lib/storage.js";
import { text } from "../lib/text.js";

/** @import { Session } from "../lib/api.js" */

const form = query("#sign-in", HTMLFormElement);
const done = query("#done", HTMLElement);
const signedIn = query("#signed-in", HTMLElement);
const accountInput = query("[name=account]", HTMLInputElement, form);
const passwordInput = query("[name=password]", HTMLInputElement, form);

/** @param {string} notice */
function showNotice(notice) {
  query("p", HTMLElement, done).textContent = text(`flash.${notice}`);
  done.classList.toggle("success", notice !== "sign-in-first");
  done.hidden = false;
}

function fillIn() {
  const { account, notice } = takeFlash();
  const saved = savedAccount();
  if (notice) showNotice(notice);
  // With the default choice the next sign-in would forget the name again.
  if (saved) query("#remember-name", HTMLInputElement).checked = true;
  const name = account ?? saved;
  if (!name) return;
  accountInput.value = name;
  passwordInput.focus();
}

async function showSignedInAccount() {
  if (!maybeSignedIn()) return;
  try {
    /** @type {Session} */
    const session = await request("GET", "/api/session");
    slotsOf(signedIn).name.textContent = session.name || session.account;
  } catch (error) {
    // Not signed in, or unknown: the form works in either case.
    if (errorCode(error) === "not-signed-in") markSignedOut();
    if (error instanceof ApiError) return;
    throw error;
  }
  applyPreferredLanguage();
  await showPortalLink();
  signedIn.hidden = false;
}

/** @param {Record<string, string>} values */
async function signIn({ account, password, remember }) {
  /** @type {Session} */
  let session;
  try {
    session = await request("POST", "/api/login", { account, password, remember });
  } catch (error) {
    if (errorCode(error) === "invalid-credentials") passwordInput.value = "";
    throw error;
  }
  if (remember === "name") saveAccount(session.account);
  else forgetAccount();
  markSignedIn();
  location.assign((await portalAddress()) ?? "/mon-compte");
  return true;
}

addRevealButtons(form);
enhanceForm(form, signIn);
onClick(query("#sign-out", HTMLButtonElement), async () => {
  await request("DELETE", "/api/session");
  markSignedOut();
  signedIn.hidden = true;
  showNotice("signed-out");
  accountInput.focus();
});
fillIn();
showSignedInAccount();

// The back/forward cache would restore the page as the user left it: a busy button, and no signed-in account.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
