// A browser may disable storage. Nothing is remembered then, and everything else works.

const ACCOUNT = "guichet.account";
const LANGUAGE = "guichet.language";
const SIGNED_IN = "guichet.signed-in";
const LANGUAGE_SWITCHED = "guichet.language-switched";
const FLASH = "guichet.flash";

/**
 * The result of `action`; undefined if storage is disabled.
 * @template T
 * @param {() => T} action
 */
function tryStorage(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** The account name that « Se souvenir uniquement de mon nom » saves. */
export const savedAccount = () => tryStorage(() => localStorage.getItem(ACCOUNT));
/** @param {string} account */
export const saveAccount = (account) => tryStorage(() => localStorage.setItem(ACCOUNT, account));
export const forgetAccount = () => tryStorage(() => localStorage.removeItem(ACCOUNT));

/** `fr` or `en`; null if none is saved, undefined if storage is disabled. */
export const savedLanguage = () => tryStorage(() => localStorage.getItem(LANGUAGE));
/** @param {string} language */
export const saveLanguage = (language) => tryStorage(() => localStorage.setItem(LANGUAGE, language));

/** Whether the user switched the language in this tab. */
export const languageSwitched = () => tryStorage(() => sessionStorage.getItem(LANGUAGE_SWITCHED)) === "yes";
export const markLanguageSwitched = () => tryStorage(() => sessionStorage.setItem(LANGUAGE_SWITCHED, "yes"));

/** Whether to ask the API for a session: scripts cannot read the cookie, and a 401 would be an error in the console. */
export const maybeSignedIn = () => tryStorage(() => localStorage.getItem(SIGNED_IN)) !== null;
export const markSignedIn = () => tryStorage(() => localStorage.setItem(SIGNED_IN, "maybe"));
export const markSignedOut = () => tryStorage(() => localStorage.removeItem(SIGNED_IN));
/** @param {() => void} callback */
export const onSignOutInOtherTab = (callback) =>
  addEventListener("storage", ({ key, newValue }) => {
    if (key === SIGNED_IN && newValue === null) callback();
  });

/** @typedef {{ account?: string, notice?: string, send?: boolean }} Flash */

/**
 * Passes data to the next page of this tab.
 * @param {Flash} flash an `account` to fill in, a `notice` to show, `send` to submit the form
 */
export const setFlash = (flash) => tryStorage(() => sessionStorage.setItem(FLASH, JSON.stringify(flash)));

/**
 * The data for this page. It is removed, so a reload gets none.
 * @returns {Flash}
 */
export function takeFlash() {
  const flash = tryStorage(() => JSON.parse(sessionStorage.getItem(FLASH) ?? "null"));
  tryStorage(() => sessionStorage.removeItem(FLASH));
  return flash ?? {};
}
