import { errorCode, request } from "../lib/api.js";
import { cloneTemplate, query, slotsOf } from "../lib/dom.js";
import { enhanceForm, onClick, showError } from "../lib/form.js";
import { applyPreferredLanguage } from "../lib/language.js";
import { addRevealButtons, showRules } from "../lib/password-field.js";
import { settings, showPortalLink } from "../lib/settings.js";
import { markSignedIn, markSignedOut, onSignOutInOtherTab, setFlash } from "../lib/storage.js";
import { firstText, text } from "../lib/text.js";
import { formatMoment } from "../lib/time.js";

/** @import { Session } from "../lib/api.js" */
/** @typedef {{ id: string, current: boolean, device?: string, signed_in_at: string, last_seen_at: string }} OpenSession */
/** @typedef {{ at: string, what: string, network: string, device?: string }} SecurityEvent */

// The maximum delay of `setTimeout`.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @type {Record<string, string>} */
const NETWORKS = { managed: text("network.managed"), outside: text("network.outside") };

const page = query("#signed-in", HTMLElement);
const form = query("#password-form", HTMLFormElement);
const accountInput = query("[name=account]", HTMLInputElement, form);
const done = query("#done", HTMLElement);
const failed = query("#failed", HTMLElement);
const endOthers = query("#end-others", HTMLButtonElement);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let expiryTimer;

/** @param {string} notice */
function goToSignIn(notice) {
  markSignedOut();
  setFlash({ notice });
  location.replace("/");
}

/**
 * Runs `action`; goes to sign-in if the API reports that the session has ended. Resolves to true if it leaves the page.
 * @param {() => Promise<void>} action
 */
async function withSession(action) {
  try {
    await action();
    return false;
  } catch (error) {
    if (errorCode(error) !== "not-signed-in") throw error;
    goToSignIn("sign-in-first");
    return true;
  }
}

/** @param {string} key */
function showDone(key) {
  query("p", HTMLElement, done).textContent = text(key);
  done.hidden = false;
  done.scrollIntoView({ block: "nearest" });
}

async function load() {
  failed.hidden = true;
  await withSession(async () => {
    /** @type {Session} */
    const session = await request("GET", "/api/session");
    markSignedIn();
    applyPreferredLanguage();
    await Promise.all([showAccount(session), loadLists()]);
    page.hidden = false;
  });
}

/** @param {Session} session */
async function showAccount({ account, name, signed_in_at: since, expires_at: ends }) {
  const slots = slotsOf(page);
  slots.name.textContent = name || account;
  slots.account.textContent = account;
  slots.since.textContent = formatMoment(since);
  slots.ends.textContent = formatMoment(ends);
  accountInput.value = account;
  // Clears the account from an unattended screen when the session expires.
  clearTimeout(expiryTimer);
  expiryTimer = setTimeout(tryLoad, Math.min(Date.parse(ends) - Date.now() + 1_000, MAX_TIMEOUT_MS));
  const { passwordPolicy } = await settings;
  const passwordInput = query("[name=password]", HTMLInputElement, form);
  if (passwordPolicy) showRules(query("#rules", HTMLElement), passwordInput, passwordPolicy, account);
}

async function loadLists() {
  /** @type {[{ sessions: OpenSession[] }, { events: SecurityEvent[] }]} */
  const [{ sessions }, { events }] = await Promise.all([
    request("GET", "/api/sessions"),
    request("GET", "/api/events"),
  ]);
  // The list of sessions has no network. The sign-in event at the same time has, while it is among the recent ones.
  const networks = new Map(events.filter(({ what }) => what === "signed-in").map(({ at, network }) => [at, network]));
  const items = sessions.map((session) => sessionItem(session, networks.get(session.signed_in_at)));
  query("#sessions", HTMLElement).replaceChildren(...items);
  endOthers.hidden = sessions.length < 2;
  query("#events", HTMLElement).replaceChildren(...events.map(eventItem));
}

/**
 * @param {OpenSession} session
 * @param {string} [network]
 */
function sessionItem({ id, current, device, signed_in_at: since, last_seen_at: seen }, network = "") {
  const { element, slots } = cloneTemplate("session");
  slots.device.textContent = deviceName(device) || text("session.device-unknown");
  slots.current.hidden = !current;
  slots.network.textContent = NETWORKS[network] ?? "";
  slots.since.textContent = formatMoment(since);
  slots.seen.textContent = formatMoment(seen);
  slots.end.setAttribute(
    "aria-label",
    `${slots.end.textContent} (${slots.device.textContent}, ${slots.since.textContent})`,
  );
  slots.actions.hidden = current;
  onClick(slots.end, () => endSessions(`/api/sessions/${encodeURIComponent(id)}`, "session.ended"));
  return element;
}

/**
 * A device such as `Firefox · Windows` without its unknown parts, which the API returns as `-`.
 * @param {string} [device]
 */
function deviceName(device = "") {
  const parts = device.split(" · ").filter((part) => part && part !== "-");
  return parts.join(" · ");
}

/**
 * @param {string} path
 * @param {string} doneKey
 */
function endSessions(path, doneKey) {
  return withSession(async () => {
    try {
      await request("DELETE", path);
    } catch (error) {
      // The session has ended since the list was loaded.
      if (errorCode(error) !== "session-unknown") throw error;
    }
    showDone(doneKey);
    await loadLists();
  });
}

/** @param {SecurityEvent} event */
function eventItem({ at, what, network, device }) {
  const { element, slots } = cloneTemplate("event");
  slots.what.textContent = firstText([`event.${what}`, "event.other"]);
  slots.at.textContent = formatMoment(at);
  slots.where.textContent = [NETWORKS[network], deviceName(device)].filter(Boolean).join(", ");
  return element;
}

async function tryLoad() {
  try {
    await load();
  } catch (error) {
    failed.hidden = false;
    showError(error);
  }
}

addRevealButtons(form);
enhanceForm(form, ({ current, password, confirmation }) =>
  withSession(async () => {
    done.hidden = true;
    await request("POST", "/api/password", { current, password, confirmation });
    const account = accountInput.value;
    form.reset();
    accountInput.value = account;
    showDone("password.changed");
    await loadLists();
  }),
);
onClick(endOthers, () => endSessions("/api/sessions", "session.others-ended"));
onClick(query("#sign-out", HTMLButtonElement), async () => {
  await request("DELETE", "/api/session");
  goToSignIn("signed-out");
});
onClick(query("#retry", HTMLButtonElement), tryLoad);
onSignOutInOtherTab(() => goToSignIn("sign-in-first"));
showPortalLink();
tryLoad();

// The back/forward cache would show the account to the next person after sign-out.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
