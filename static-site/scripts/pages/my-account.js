import { request } from "/scripts/lib/api.js";
import { onClick, report, enhanceForm } from "/scripts/lib/form.js";
import { applyPreferredLanguage } from "/scripts/lib/language.js";
import { setFlash, markSignedIn, markSignedOut, onSignOutInOtherTab } from "/scripts/lib/storage.js";
import { addRevealButtons, showRules } from "/scripts/lib/password-field.js";
import { settings, showPortalLink } from "/scripts/lib/settings.js";
import { cloneTemplate, slotsOf } from "/scripts/lib/dom.js";
import { firstText, text } from "/scripts/lib/text.js";
import { moment } from "/scripts/lib/time.js";

// The longest that a browser waits.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const NETWORKS = { managed: text("network.managed"), outside: text("network.outside") };

const page = document.getElementById("signed-in");
const form = document.getElementById("password-form");
const done = document.getElementById("done");
const failed = document.getElementById("failed");
const endOthers = document.getElementById("end-others");
let expiryTimer;

function leave(notice) {
  markSignedOut();
  setFlash({ notice });
  location.replace("/");
}

/** Whatever finds the session over leads to sign-in. */
async function withSession(work) {
  try {
    return await work();
  } catch (problem) {
    if (problem.code !== "not-signed-in") throw problem;
    leave("sign-in-first");
    return true;
  }
}

function say(key) {
  done.querySelector("p").textContent = text(key);
  done.hidden = false;
  done.scrollIntoView({ block: "nearest" });
}

async function load() {
  failed.hidden = true;
  await withSession(async () => {
    const session = await request("GET", "/api/session");
    markSignedIn();
    applyPreferredLanguage();
    await Promise.all([showAccount(session), loadEntries()]);
    page.hidden = false;
  });
}

async function showAccount({ account, name, signed_in_at: since, expires_at: ends }) {
  const slots = slotsOf(page);
  slots.name.textContent = name || account;
  slots.account.textContent = account;
  slots.since.textContent = moment(since);
  slots.ends.textContent = moment(ends);
  form.elements.account.value = account;
  // Past its end nothing of the account stays on a screen that was left alone.
  clearTimeout(expiryTimer);
  expiryTimer = setTimeout(tryLoad, Math.min(Date.parse(ends) - Date.now() + 1_000, MAX_TIMEOUT_MS));
  const { passwordPolicy } = await settings;
  if (passwordPolicy) showRules(document.getElementById("rules"), form.elements.password, passwordPolicy, account);
}

async function loadEntries() {
  const [{ sessions }, { events }] = await Promise.all([request("GET", "/api/sessions"), request("GET", "/api/events")]);
  // The list of sessions does not say from where; the sign-in that began each does, while it is among the recent events.
  const places = new Map(events.filter(({ what }) => what === "signed-in").map(({ at, network }) => [at, network]));
  const entries = sessions.map((session) => sessionEntry(session, places.get(session.signed_in_at)));
  document.getElementById("sessions").replaceChildren(...entries);
  endOthers.hidden = sessions.length < 2;
  document.getElementById("events").replaceChildren(...events.map(eventEntry));
}

function sessionEntry({ id, current, device, signed_in_at: since, last_seen_at: seen }, network) {
  const { element, slots } = cloneTemplate("session");
  slots.device.textContent = knownDeviceParts(device).join(" · ") || text("session.device-unknown");
  slots.current.hidden = !current;
  slots.network.textContent = NETWORKS[network] ?? "";
  slots.since.textContent = moment(since);
  slots.seen.textContent = moment(seen);
  slots.end.setAttribute("aria-label", `${slots.end.textContent} (${slots.device.textContent}, ${slots.since.textContent})`);
  slots.end.parentElement.hidden = current;
  onClick(slots.end, () => end(`/api/sessions/${encodeURIComponent(id)}`, "session.ended"));
  return element;
}

/** Of a device such as `Firefox · Windows`, what the server could tell; `-` stands for the rest. */
function knownDeviceParts(device) {
  return (device ?? "").split(" · ").filter((part) => part && part !== "-");
}

function end(path, said) {
  return withSession(async () => {
    try {
      await request("DELETE", path);
    } catch (problem) {
      // It ended by itself meanwhile: what was asked for is so.
      if (problem.code !== "session-unknown") throw problem;
    }
    say(said);
    await loadEntries();
  });
}

function eventEntry({ at, what, network, device }) {
  const { element, slots } = cloneTemplate("event");
  slots.what.textContent = firstText([`event.${what}`, "event.other"]);
  slots.at.textContent = moment(at);
  // A device that says nothing of itself is left out.
  slots.where.textContent = [NETWORKS[network], knownDeviceParts(device).join(" · ")].filter(Boolean).join(", ");
  return element;
}

async function tryLoad() {
  try {
    await load();
  } catch (problem) {
    failed.hidden = false;
    report(problem);
  }
}

addRevealButtons(form);
enhanceForm(form, ({ current, password, confirmation }) =>
  withSession(async () => {
    done.hidden = true;
    await request("POST", "/api/password", { current, password, confirmation });
    const { account } = form.elements;
    const owner = account.value;
    form.reset();
    account.value = owner;
    say("password.changed");
    await loadEntries();
  }),
);
onClick(endOthers, () => end("/api/sessions", "session.others-ended"));
onClick(document.getElementById("sign-out"), async () => {
  await request("DELETE", "/api/session");
  leave("signed-out");
});
onClick(document.getElementById("retry"), tryLoad);
onSignOutInOtherTab(() => leave("sign-in-first"));
showPortalLink();
tryLoad();

// A page kept by the browser would show the account to whoever comes back to it after sign-out.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
