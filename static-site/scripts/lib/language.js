import { saveLanguage, savedLanguage, markLanguageSwitched, languageSwitched } from "/scripts/lib/storage.js";
import { text } from "/scripts/lib/text.js";
import { translate } from "/scripts/lib/translate.js";

const root = document.documentElement;
const locales = root.dataset.locales.split(" ");
const shown = () => root.lang.slice(0, 2);

/** The person's own language, as `Content-Language` tells it: theirs from now on, unless they switched in this tab. */
export function rememberLanguage(tag) {
  if (locales.includes(tag) && !languageSwitched()) saveLanguage(tag.slice(0, 2));
}

/** Loads the page again where it is in another language than the one that was learnt. */
export function applyPreferredLanguage() {
  const kept = savedLanguage();
  if (kept && kept !== shown()) location.reload();
}

if (shown() !== "fr") translate();
root.dataset.translated = "";

const other = locales[(locales.indexOf(root.lang) + 1) % locales.length];
const button = document.getElementById("language");
button.lang = other;
button.textContent = text("language.other");
button.addEventListener("click", () => {
  markLanguageSwitched();
  saveLanguage(other.slice(0, 2));
  applyPreferredLanguage();
});
// Where nothing can be kept there is nothing to switch.
button.hidden = savedLanguage() === undefined;
