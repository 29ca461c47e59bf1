// Storage may be switched off in a browser: then nothing is remembered and all else works.

const ACCOUNT = "guichet.account";
const LANGUAGE = "guichet.language";
const SIGNED_IN = "guichet.signed-in";
const LANGUAGE_SWITCHED = "guichet.language-switched";
const FLASH = "guichet.flash";

/** What the action gives; undefined where there is no storage. */
function tryStorage(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** The name kept by « Se souvenir uniquement de mon nom ». */
export const savedAccount = () => tryStorage(() => localStorage.getItem(ACCOUNT));
export const saveAccount = (account) => tryStorage(() => localStorage.setItem(ACCOUNT, account));
export const forgetAccount = () => tryStorage(() => localStorage.removeItem(ACCOUNT));

/** The language of the next pages: `fr`, `en`, null where none was chosen, undefined where none can be kept. */
export const savedLanguage = () => tryStorage(() => localStorage.getItem(LANGUAGE));
export const saveLanguage = (language) => tryStorage(() => localStorage.setItem(LANGUAGE, language));

/** Whether somebody switched the language by hand in this tab. */
export const languageSwitched = () => tryStorage(() => sessionStorage.getItem(LANGUAGE_SWITCHED)) === "yes";
export const markLanguageSwitched = () => tryStorage(() => sessionStorage.setItem(LANGUAGE_SWITCHED, "yes"));

/** Whether somebody may be signed in: the cookie is not for scripts to see, and asking in vain is an error in the console. */
export const maybeSignedIn = () => tryStorage(() => localStorage.getItem(SIGNED_IN)) !== null;
export const markSignedIn = () => tryStorage(() => localStorage.setItem(SIGNED_IN, "maybe"));
/** Tells when somebody signed out in another tab. */
export const onSignOutInOtherTab = (leave) =>
  addEventListener("storage", ({ key, newValue }) => key === SIGNED_IN && newValue === null && leave());
export const markSignedOut = () => tryStorage(() => localStorage.removeItem(SIGNED_IN));

/** Leaves word for the page that comes next: `account` to fill in, a `notice` to show, `send` to send its form at once. */
export const setFlash = (word) => tryStorage(() => sessionStorage.setItem(FLASH, JSON.stringify(word)));

/** Takes the word left for this page; a second reading finds none. */
export function takeFlash() {
  const word = tryStorage(() => JSON.parse(sessionStorage.getItem(FLASH)));
  tryStorage(() => sessionStorage.removeItem(FLASH));
  return word ?? {};
}
