// A sign-in that succeeded waits for the portal's address: then better the account page than no page.
const TIMEOUT_MS = 5_000;

/** What `/settings.json` says of the desk's portal and of the password's rules; empty where it does not come. */
export const settings = load();

async function load() {
  try {
    const response = await fetch("/settings.json", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.ok) return await response.json();
  } catch {
    // The pages stand without them.
  }
  return {};
}

/** The portal's address if it is one that a browser may be sent to, else null. */
export async function portalAddress() {
  const { deskPortalUrl } = await settings;
  return /^https?:\/\//.test(deskPortalUrl ?? "") ? deskPortalUrl : null;
}

/** Shows the page's link to the portal, where there is one. */
export async function showPortalLink() {
  const portal = await portalAddress();
  if (!portal) return;
  const link = document.getElementById("portal-link");
  link.href = portal;
  link.hidden = false;
}
