import { query } from "./dom.js";
import { languageSwitched, markLanguageSwitched, savedLanguage, saveLanguage } from "./storage.js";
import { text } from "./text.js";
import { translate } from "./translate.js";

const root = document.documentElement;
const locales = (root.dataset.locales ?? "").split(" ");
const currentLanguage = () => root.lang.slice(0, 2);

/**
 * Saves the user's preferred language, unless they chose another one in this tab.
 * @param {string | null} tag the `Content-Language` of a response
 */
export function rememberLanguage(tag) {
  if (tag && locales.includes(tag) && !languageSwitched()) saveLanguage(tag.slice(0, 2));
}

/** Reloads the page if it is not in the saved language. */
export function applyPreferredLanguage() {
  const saved = savedLanguage();
  if (saved && saved !== currentLanguage()) location.reload();
}

if (currentLanguage() !== "fr") translate();
root.dataset.translated = "";

const other = locales[(locales.indexOf(root.lang) + 1) % locales.length];
const button = query("#language", HTMLButtonElement);
button.lang = other;
button.textContent = text("language.other");
button.addEventListener("click", () => {
  markLanguageSwitched();
  saveLanguage(other.slice(0, 2));
  applyPreferredLanguage();
});
// Without storage the choice would not survive the reload.
button.hidden = savedLanguage() === undefined;
