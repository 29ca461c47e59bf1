// A sign-in that succeeded waits for the portal's address: then better the account page than no page.
const PATIENCE_MS = 5_000;

/** The desk's name, telephone and portal, from `/settings.json`; the page stands without them. */
export const desk = load();

async function load() {
  let settings = {};
  try {
    const response = await fetch("/settings.json", { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.ok) settings = await response.json();
  } catch {
    // The markup's own words stay.
  }
  if (settings.deskName) {
    for (const element of document.querySelectorAll("[data-desk-name]")) element.textContent = settings.deskName;
  }
  if (settings.deskPhone) {
    for (const element of document.querySelectorAll("[data-desk-phone]")) showPhone(element, settings.deskPhone);
  }
  return settings;
}

function showPhone(element, phone) {
  const link = element.querySelector("a");
  link.textContent = phone;
  // Only the number itself: the words after it (« poste 4242 ») are for the reader.
  link.href = `tel:${phone.match(/^[+\d\s().-]*/)[0].replace(/[^+\d]/g, "")}`;
  element.hidden = false;
}

/** The portal's address if it is one that a browser may be sent to, else null. */
export async function portalAddress() {
  const { deskPortalUrl } = await desk;
  return /^https?:\/\//.test(deskPortalUrl ?? "") ? deskPortalUrl : null;
}

/** Shows the page's link to the portal, where there is one. */
export async function showWayOn() {
  const portal = await portalAddress();
  if (!portal) return;
  const link = document.getElementById("onward");
  link.href = portal;
  link.hidden = false;
}
