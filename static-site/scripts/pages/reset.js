import { request } from "/scripts/lib/api.js";
import { onClick, report, enhanceForm } from "/scripts/lib/form.js";
import { applyPreferredLanguage } from "/scripts/lib/language.js";
import { savedAccount, setFlash } from "/scripts/lib/storage.js";
import { addRevealButtons, showRules } from "/scripts/lib/password-field.js";
import { text } from "/scripts/lib/text.js";
import { until } from "/scripts/lib/time.js";
import { parseToken } from "/scripts/lib/token.js";

const DEAD_LINK_CODES = ["link-unknown", "link-expired", "link-used"];

const form = document.getElementById("reset");
const paste = document.getElementById("paste-code");
const { account: accountInput, password: passwordInput } = form.elements;

function show(...views) {
  for (const element of document.querySelectorAll("[data-view]")) {
    element.hidden = !views.includes(element.dataset.view);
  }
}

// The token leaves the address at once, so that no bookmark, screenshot or shoulder gets it. The entry's own state
// keeps it through a reload: unlike web storage (OWASP ASVS 5.0, 14.3.3) it is this one tab's entry and goes with it.
const hold = (token) => history.replaceState({ token }, "", location.pathname);
const held = () => history.state?.token;

async function start() {
  if (location.hash.length > 1) hold(parseToken(location.hash.slice(1)));
  if (!held()) return show("paste");
  show("checking");
  try {
    await check();
  } catch (problem) {
    show("retry");
    report(problem, paste);
  }
}

/** Asks about the token held and shows its form, or why it has none; throws where neither can be told. */
async function check() {
  try {
    open(await request("POST", "/api/reset/check", { token: held() }));
    applyPreferredLanguage();
  } catch (problem) {
    // What has not even the shape of a token.
    if (problem.code === "invalid-request") return showDeadLink("link-unknown");
    if (!DEAD_LINK_CODES.includes(problem.code)) throw problem;
    showDeadLink(problem.code);
  }
}

function open({ account, expires_at: expiresAt, policy }) {
  accountInput.value = account;
  document.getElementById("expiry").textContent = text("link.valid-until", { moment: until(expiresAt) });
  showRules(document.getElementById("rules"), passwordInput, policy, account);
  show("form");
}

function showDeadLink(code) {
  show("dead", code === "link-unknown" ? "paste" : "");
  for (const element of document.querySelectorAll("[data-code]")) element.hidden = element.dataset.code !== code;
  paste.reset();
  document.querySelector(`[data-code=${code}] h2`).focus();
}

async function change({ password, confirmation }) {
  try {
    await request("POST", "/api/reset", { token: held(), password, confirmation });
  } catch (problem) {
    if (!DEAD_LINK_CODES.includes(problem.code)) throw problem;
    return showDeadLink(problem.code);
  }
  history.replaceState(null, "");
  setFlash({ account: accountInput.value, notice: "password-set" });
  location.replace("/");
  return true;
}

addRevealButtons(form);
enhanceForm(form, change);
enhanceForm(paste, ({ token }) => {
  hold(parseToken(token));
  return check();
});
onClick(document.getElementById("retry"), check, paste);
document.getElementById("request-new-link").addEventListener("click", () => {
  // A link that died on this page has told whose it is, or the name is kept here: no need to type it again.
  const account = accountInput.value || savedAccount();
  if (account) setFlash({ account, send: true });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment is the token's place here.
  event.preventDefault();
  document.querySelector("main").focus();
});
addEventListener("hashchange", start);
start();
