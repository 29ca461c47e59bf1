import { ask } from "/scripts/lib/api.js";
import { onClick, report, takeOver } from "/scripts/lib/form.js";
import { speakTheirs } from "/scripts/lib/language.js";
import { keptName, leaveWord } from "/scripts/lib/memory.js";
import { revealable, showRules } from "/scripts/lib/password-field.js";
import { text } from "/scripts/lib/text.js";
import { until } from "/scripts/lib/time.js";
import { mendToken } from "/scripts/lib/token.js";

const DEAD = ["link-unknown", "link-expired", "link-used"];

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
  if (location.hash.length > 1) hold(mendToken(location.hash.slice(1)));
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
    open(await ask("POST", "/api/reset/check", { token: held() }));
    speakTheirs();
  } catch (problem) {
    // What has not even the shape of a token.
    if (problem.code === "invalid-request") return bury("link-unknown");
    if (!DEAD.includes(problem.code)) throw problem;
    bury(problem.code);
  }
}

function open({ account, expires_at: expiresAt, policy }) {
  accountInput.value = account;
  document.getElementById("expiry").textContent = text("link.valid-until", { moment: until(expiresAt) });
  showRules(document.getElementById("rules"), passwordInput, policy, account);
  show("form");
}

function bury(code) {
  show("dead", code === "link-unknown" ? "paste" : "");
  for (const element of document.querySelectorAll("[data-code]")) element.hidden = element.dataset.code !== code;
  paste.reset();
  document.querySelector(`[data-code=${code}] h2`).focus();
}

async function change({ password, confirmation }) {
  try {
    await ask("POST", "/api/reset", { token: held(), password, confirmation });
  } catch (problem) {
    if (!DEAD.includes(problem.code)) throw problem;
    return bury(problem.code);
  }
  history.replaceState(null, "");
  leaveWord({ account: accountInput.value, notice: "password-set" });
  location.replace("/");
  return true;
}

revealable(form);
takeOver(form, change);
takeOver(paste, ({ token }) => {
  hold(mendToken(token));
  return check();
});
onClick(document.getElementById("retry"), check, paste);
document.getElementById("ask-again").addEventListener("click", () => {
  // A link that died on this page has told whose it is, or the name is kept here: no need to type it again.
  const account = accountInput.value || keptName();
  if (account) leaveWord({ account, send: true });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The fragment is the token's place here.
  event.preventDefault();
  document.querySelector("main").focus();
});
addEventListener("hashchange", start);
start();
