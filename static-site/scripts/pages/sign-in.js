import { Refusal, ask } from "/scripts/lib/api.js";
import { onClick, takeOver } from "/scripts/lib/form.js";
import { speakTheirs } from "/scripts/lib/language.js";
import {
  forgetName,
  keepName,
  keptName,
  maybeSignedIn,
  noteSignedIn,
  noteSignedOut,
  takeWord,
} from "/scripts/lib/memory.js";
import { revealable } from "/scripts/lib/password-field.js";
import { portalAddress, showWayOn } from "/scripts/lib/settings.js";
import { text } from "/scripts/lib/text.js";

const form = document.getElementById("sign-in");
const done = document.getElementById("done");
const signedIn = document.getElementById("signed-in");
const { account: accountInput, password: passwordInput, remember: rememberChoice } = form.elements;

function say(notice) {
  done.querySelector("p").textContent = text(`arrived.${notice}`);
  done.classList.toggle("success", notice !== "sign-in-first");
  done.hidden = false;
}

function fillIn() {
  const { account, notice } = takeWord();
  const kept = keptName();
  if (notice) say(notice);
  // Who chose it once keeps it: with the default, the next sign-in would wipe the name.
  if (kept) rememberChoice.value = "name";
  const name = account ?? kept;
  if (!name) return;
  accountInput.value = name;
  passwordInput.focus();
}

async function showWhoIsSignedIn() {
  if (!maybeSignedIn()) return;
  try {
    const session = await ask("GET", "/api/session");
    signedIn.querySelector("[data-slot=name]").textContent = session.name || session.account;
  } catch (problem) {
    // Nobody is, or it cannot be told: the form is the way in either case.
    if (problem.code === "not-signed-in") noteSignedOut();
    if (problem instanceof Refusal) return;
    throw problem;
  }
  speakTheirs();
  await showWayOn();
  signedIn.hidden = false;
}

async function signIn({ account, password, remember }) {
  let session;
  try {
    session = await ask("POST", "/api/login", { account, password, remember });
  } catch (problem) {
    if (problem.code === "invalid-credentials") passwordInput.value = "";
    throw problem;
  }
  if (remember === "name") keepName(session.account);
  else forgetName();
  noteSignedIn();
  location.assign((await portalAddress()) ?? "/mon-compte");
  return true;
}

revealable(form);
takeOver(form, signIn);
onClick(document.getElementById("sign-out"), async () => {
  await ask("DELETE", "/api/session");
  noteSignedOut();
  signedIn.hidden = true;
  say("signed-out");
  accountInput.focus();
});
fillIn();
showWhoIsSignedIn();

// Back from the portal: the page as it was left would still be turning, and not know who is signed in.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
