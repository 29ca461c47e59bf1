import { ask } from "/scripts/lib/api.js";
import { showWayOn } from "/scripts/lib/desk.js";
import { onClick, report, takeOver } from "/scripts/lib/form.js";
import { leaveWord } from "/scripts/lib/memory.js";
import { revealable } from "/scripts/lib/password-field.js";
import { copyOf, slotsOf } from "/scripts/lib/template.js";
import { firstText, text } from "/scripts/lib/text.js";
import { moment } from "/scripts/lib/time.js";

const NETWORKS = { managed: text("network.managed"), outside: text("network.outside") };

const page = document.getElementById("signed-in");
const form = document.getElementById("password-form");
const done = document.getElementById("done");
const failed = document.getElementById("failed");
const endOthers = document.getElementById("end-others");

function leave(notice) {
  leaveWord({ notice });
  location.replace("/");
}

/** Whatever finds the session over leads to sign-in. */
async function whileSignedIn(work) {
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
  await whileSignedIn(async () => {
    showPerson(await ask("GET", "/api/session"));
    await Promise.all([loadSessions(), loadEvents()]);
    page.hidden = false;
  });
}

function showPerson({ account, name, signed_in_at: since, expires_at: ends }) {
  const slots = slotsOf(page);
  slots.name.textContent = name || account;
  slots.account.textContent = account;
  slots.since.textContent = moment(since);
  slots.ends.textContent = moment(ends);
  form.elements.account.value = account;
}

async function loadSessions() {
  const { sessions } = await ask("GET", "/api/sessions");
  document.getElementById("sessions").replaceChildren(...sessions.map(sessionEntry));
  endOthers.hidden = sessions.length < 2;
}

function sessionEntry({ id, current, device, signed_in_at: since, last_seen_at: seen }) {
  const { element, slots } = copyOf("session");
  slots.device.textContent = knownParts(device).join(" · ") || text("session.device-unknown");
  slots.current.hidden = !current;
  slots.since.textContent = moment(since);
  slots.seen.textContent = moment(seen);
  slots.end.setAttribute("aria-label", `${slots.end.textContent} (${slots.device.textContent}, ${slots.since.textContent})`);
  slots.end.parentElement.hidden = current;
  onClick(slots.end, () => end(`/api/sessions/${encodeURIComponent(id)}`, "session.ended"));
  return element;
}

/** Of a device such as `Firefox · Windows`, what the server could tell; `-` stands for the rest. */
function knownParts(device) {
  return (device ?? "").split(" · ").filter((part) => part && part !== "-");
}

function end(path, said) {
  return whileSignedIn(async () => {
    try {
      await ask("DELETE", path);
    } catch (problem) {
      // It ended by itself meanwhile: what was asked for is so.
      if (problem.code !== "session-unknown") throw problem;
    }
    say(said);
    await Promise.all([loadSessions(), loadEvents()]);
  });
}

async function loadEvents() {
  const { events } = await ask("GET", "/api/events");
  document.getElementById("events").replaceChildren(...events.map(eventEntry));
}

function eventEntry({ at, what, network, device }) {
  const { element, slots } = copyOf("event");
  slots.what.textContent = firstText([`event.${what}`, "event.other"]);
  slots.at.textContent = moment(at);
  // A device that says nothing of itself is left out.
  slots.where.textContent = [NETWORKS[network], knownParts(device).join(" · ")].filter(Boolean).join(", ");
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

revealable(form);
takeOver(form, ({ current, password, confirmation }) =>
  whileSignedIn(async () => {
    done.hidden = true;
    await ask("POST", "/api/password", { current, password, confirmation });
    const { account } = form.elements;
    const owner = account.value;
    form.reset();
    account.value = owner;
    say("password.changed");
    await Promise.all([loadSessions(), loadEvents()]);
  }),
);
onClick(endOthers, () => end("/api/sessions", "session.others-ended"));
onClick(document.getElementById("sign-out"), async () => {
  await ask("DELETE", "/api/session");
  leave("signed-out");
});
onClick(document.getElementById("retry"), tryLoad);
showWayOn();
tryLoad();

// A page kept by the browser would show the account to whoever comes back to it after sign-out.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
