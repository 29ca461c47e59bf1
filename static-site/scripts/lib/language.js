import { keepLanguage, keptLanguage, noteSwitch, switched } from "/scripts/lib/memory.js";
import { text } from "/scripts/lib/text.js";
import { translate } from "/scripts/lib/translate.js";

const root = document.documentElement;
const shown = () => root.lang.slice(0, 2);

/** The person's own language, as `Content-Language` tells it: theirs from now on, unless they switched in this tab. */
export function learnLanguage(tag) {
  const language = tag?.slice(0, 2);
  if (["fr", "en"].includes(language) && !switched()) keepLanguage(language);
}

/** Loads the page again where it is in another language than the one that was learnt. */
export function speakTheirs() {
  const kept = keptLanguage();
  if (kept && kept !== shown()) location.reload();
}

if (shown() !== "fr") translate();
root.dataset.translated = "";

const other = shown() === "fr" ? "en" : "fr";
const button = document.getElementById("language");
button.lang = `${other}-CA`;
button.textContent = text("language.other");
button.addEventListener("click", () => {
  noteSwitch();
  keepLanguage(other);
  speakTheirs();
});
// Where nothing can be kept there is nothing to switch.
button.hidden = keptLanguage() === undefined;
