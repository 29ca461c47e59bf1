// Storage may be switched off in a browser: then nothing is remembered and all else works.

const KEPT_NAME = "guichet.account";
const ARRIVAL = "guichet.arrival";

function quietly(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** The name kept by « Se souvenir uniquement de mon nom ». */
export const keptName = () => quietly(() => localStorage.getItem(KEPT_NAME));
export const keepName = (account) => quietly(() => localStorage.setItem(KEPT_NAME, account));
export const forgetName = () => quietly(() => localStorage.removeItem(KEPT_NAME));

/** Leaves word for the page that comes next: `account` to fill in, a `notice` to show, `send` to send its form at once. */
export const leaveWord = (word) => quietly(() => sessionStorage.setItem(ARRIVAL, JSON.stringify(word)));

/** Takes the word left for this page; a second reading finds none. */
export function takeWord() {
  const word = quietly(() => JSON.parse(sessionStorage.getItem(ARRIVAL)));
  quietly(() => sessionStorage.removeItem(ARRIVAL));
  return word ?? {};
}
