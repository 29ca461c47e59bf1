import { ApiError, request } from "/scripts/lib/api.js";
import { onClick, enhanceForm } from "/scripts/lib/form.js";
import { applyPreferredLanguage } from "/scripts/lib/language.js";
import {
  forgetAccount,
  saveAccount,
  savedAccount,
  maybeSignedIn,
  markSignedIn,
  markSignedOut,
  takeFlash,
} from "/scripts/lib/storage.js";
import { addRevealButtons } from "/scripts/lib/password-field.js";
import { portalAddress, showPortalLink } from "/scripts/lib/settings.js";
import { text } from "/scripts/lib/text.js";

const form = document.getElementById("sign-in");
const done = document.getElementById("done");
const signedIn = document.getElementById("signed-in");
const { account: accountInput, password: passwordInput, remember: rememberInput } = form.elements;

function say(notice) {
  done.querySelector("p").textContent = text(`flash.${notice}`);
  done.classList.toggle("success", notice !== "sign-in-first");
  done.hidden = false;
}

function fillIn() {
  const { account, notice } = takeFlash();
  const kept = savedAccount();
  if (notice) say(notice);
  // Who chose it once keeps it: with the default, the next sign-in would wipe the name.
  if (kept) rememberInput.value = "name";
  const name = account ?? kept;
  if (!name) return;
  accountInput.value = name;
  passwordInput.focus();
}

async function showSignedInAccount() {
  if (!maybeSignedIn()) return;
  try {
    const session = await request("GET", "/api/session");
    signedIn.querySelector("[data-slot=name]").textContent = session.name || session.account;
  } catch (problem) {
    // Nobody is, or it cannot be told: the form is the way in either case.
    if (problem.code === "not-signed-in") markSignedOut();
    if (problem instanceof ApiError) return;
    throw problem;
  }
  applyPreferredLanguage();
  await showPortalLink();
  signedIn.hidden = false;
}

async function signIn({ account, password, remember }) {
  let session;
  try {
    session = await request("POST", "/api/login", { account, password, remember });
  } catch (problem) {
    if (problem.code === "invalid-credentials") passwordInput.value = "";
    throw problem;
  }
  if (remember === "name") saveAccount(session.account);
  else forgetAccount();
  markSignedIn();
  location.assign((await portalAddress()) ?? "/mon-compte");
  return true;
}

addRevealButtons(form);
enhanceForm(form, signIn);
onClick(document.getElementById("sign-out"), async () => {
  await request("DELETE", "/api/session");
  markSignedOut();
  signedIn.hidden = true;
  say("signed-out");
  accountInput.focus();
});
fillIn();
showSignedInAccount();

// Back from the portal: the page as it was left would still be turning, and not know who is signed in.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
