// Storage may be switched off in a browser: then nothing is remembered and all else works.

const KEPT_NAME = "guichet.account";
const LANGUAGE = "guichet.language";
const SIGNED_IN = "guichet.signed-in";
const SWITCHED = "guichet.switched";
const ARRIVAL = "guichet.arrival";

/** What the action gives; undefined where there is no storage. */
function quietly(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

/** The name kept by « Se souvenir uniquement de mon nom ». */
export const keptName = () => quietly(() => localStorage.getItem(KEPT_NAME));
export const keepName = (account) => quietly(() => localStorage.setItem(KEPT_NAME, account));
export const forgetName = () => quietly(() => localStorage.removeItem(KEPT_NAME));

/** The language of the next pages: `fr`, `en`, null where none was chosen, undefined where none can be kept. */
export const keptLanguage = () => quietly(() => localStorage.getItem(LANGUAGE));
export const keepLanguage = (language) => quietly(() => localStorage.setItem(LANGUAGE, language));

/** Whether somebody switched the language by hand in this tab. */
export const switched = () => quietly(() => sessionStorage.getItem(SWITCHED)) === "yes";
export const noteSwitch = () => quietly(() => sessionStorage.setItem(SWITCHED, "yes"));

/** Whether somebody may be signed in: the cookie is not for scripts to see, and asking in vain is an error in the console. */
export const maybeSignedIn = () => quietly(() => localStorage.getItem(SIGNED_IN)) !== null;
export const noteSignedIn = () => quietly(() => localStorage.setItem(SIGNED_IN, "maybe"));
/** Tells when somebody signed out in another tab. */
export const onSignedOutElsewhere = (leave) =>
  addEventListener("storage", ({ key, newValue }) => key === SIGNED_IN && newValue === null && leave());
export const noteSignedOut = () => quietly(() => localStorage.removeItem(SIGNED_IN));

/** Leaves word for the page that comes next: `account` to fill in, a `notice` to show, `send` to send its form at once. */
export const leaveWord = (word) => quietly(() => sessionStorage.setItem(ARRIVAL, JSON.stringify(word)));

/** Takes the word left for this page; a second reading finds none. */
export function takeWord() {
  const word = quietly(() => JSON.parse(sessionStorage.getItem(ARRIVAL)));
  quietly(() => sessionStorage.removeItem(ARRIVAL));
  return word ?? {};
}
