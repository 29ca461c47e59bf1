import { errorCode, request } from "../lib/api.js";
import { query, queryAll } from "../lib/dom.js";
import { enhanceForm, onClick, showError } from "../lib/form.js";
import { applyPreferredLanguage } from "../lib/language.js";
import { addRevealButtons, showRules } from "../lib/password-field.js";
import { savedAccount, setFlash } from "../lib/storage.js";
import { text } from "../lib/text.js";
import { formatUntil } from "../lib/time.js";
import { parseToken } from "../lib/token.js";

/** @import { PasswordPolicy } from "../lib/password-field.js" */

const DEAD_LINK_CODES = ["link-unknown", "link-expired", "link-used"];

const form = query("#reset", HTMLFormElement);
const pasteForm = query("#paste-code", HTMLFormElement);
const accountInput = query("[name=account]", HTMLInputElement, form);
const passwordInput = query("[name=password]", HTMLInputElement, form);

/** @param {string[]} views */
function show(...views) {
  for (const element of queryAll("[data-view]")) {
    element.hidden = !views.includes(element.dataset.view ?? "");
  }
}

/**
 * Moves the token from the address, where bookmarks and screenshots would show it, to the history entry's state. The state
 * survives a reload, and unlike web storage (OWASP ASVS 5.0, 14.3.3) it belongs to this entry of this tab alone.
 * @param {string} token
 */
const storeToken = (token) => history.replaceState({ token }, "", location.pathname);
/** @returns {string | undefined} */
const storedToken = () => history.state?.token;

async function start() {
  if (location.hash.length > 1) storeToken(parseToken(location.hash.slice(1)));
  if (!storedToken()) return show("paste");
  show("checking");
  try {
    await checkToken();
  } catch (error) {
    show("retry");
    showError(error, pasteForm);
  }
}

/** Shows the form of the stored token, or why it is invalid. Throws if the API cannot answer. */
async function checkToken() {
  try {
    showForm(await request("POST", "/api/reset/check", { token: storedToken() }));
    applyPreferredLanguage();
  } catch (error) {
    // The API rejects a token of the wrong shape as an invalid request.
    if (errorCode(error) === "invalid-request") return showDeadLink("link-unknown");
    showDeadLink(deadLinkCode(error));
  }
}

/**
 * The API's code for an invalid link. Throws any other error again.
 * @param {unknown} error
 */
function deadLinkCode(error) {
  const code = errorCode(error);
  if (code === undefined || !DEAD_LINK_CODES.includes(code)) throw error;
  return code;
}

/** @param {{ account: string, expires_at: string, policy: PasswordPolicy }} link */
function showForm({ account, expires_at: expiresAt, policy }) {
  accountInput.value = account;
  query("#expiry", HTMLElement).textContent = text("link.valid-until", { moment: formatUntil(expiresAt) });
  showRules(query("#rules", HTMLElement), passwordInput, policy, account);
  show("form");
}

/** @param {string} code */
function showDeadLink(code) {
  show("dead", code === "link-unknown" ? "paste" : "");
  for (const element of queryAll("[data-code]")) element.hidden = element.dataset.code !== code;
  pasteForm.reset();
  query(`[data-code=${code}] h2`, HTMLElement).focus();
}

/** @param {Record<string, string>} values */
async function setPassword({ password, confirmation }) {
  try {
    await request("POST", "/api/reset", { token: storedToken(), password, confirmation });
  } catch (error) {
    return showDeadLink(deadLinkCode(error));
  }
  history.replaceState(null, "");
  setFlash({ account: accountInput.value, notice: "password-set" });
  location.replace("/");
  return true;
}

addRevealButtons(form);
enhanceForm(form, setPassword);
enhanceForm(pasteForm, ({ token }) => {
  storeToken(parseToken(token));
  return checkToken();
});
onClick(query("#retry", HTMLButtonElement), checkToken, pasteForm);
query("#request-new-link", HTMLAnchorElement).addEventListener("click", () => {
  // The account is known if the link was valid when the page loaded, or if the browser saved its name.
  const account = accountInput.value || savedAccount();
  if (account) setFlash({ account, send: true });
});
query(".skip", HTMLAnchorElement).addEventListener("click", (event) => {
  // The fragment of the address is reserved for the token.
  event.preventDefault();
  query("main", HTMLElement).focus();
});
addEventListener("hashchange", start);
start();
