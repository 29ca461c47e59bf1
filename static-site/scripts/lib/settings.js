import { query } from "./dom.js";

// Sign-in waits for the portal's address. After this time it leads to the account page instead.
const TIMEOUT_MS = 5_000;

/** @typedef {{ deskPortalUrl?: string, passwordPolicy?: import("./password-field.js").PasswordPolicy }} Settings */

/** `/settings.json`; empty if it cannot be loaded. */
export const settings = load();

/** @returns {Promise<Settings>} */
async function load() {
  try {
    const response = await fetch("/settings.json", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.ok) return await response.json();
  } catch {
    // The pages work without settings.
  }
  return {};
}

/** The portal's address, or null. Any scheme but `http` and `https` counts as none. */
export async function portalAddress() {
  const { deskPortalUrl = "" } = await settings;
  return /^https?:\/\//.test(deskPortalUrl) ? deskPortalUrl : null;
}

/** Shows the page's link to the portal, if the settings name one. */
export async function showPortalLink() {
  const portal = await portalAddress();
  if (!portal) return;
  const link = query("#portal-link", HTMLAnchorElement);
  link.href = portal;
  link.hidden = false;
}
