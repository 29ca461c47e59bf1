// Sets the page's language before the first paint: the saved one, else the browser's first supported one, else French,
// the language of the markup. Modules run only after the first paint, so this is a classic script.
{
  /** @type {Record<string, string>} */
  const locales = { fr: "fr-CA", en: "en-CA" };
  /** @type {string | null} */
  let saved = null;
  try {
    saved = localStorage.getItem("guichet.language");
  } catch {
    // Storage is disabled: the browser's languages decide.
  }
  const preferred = [saved, ...navigator.languages].map((tag) => locales[tag?.slice(0, 2).toLowerCase() ?? ""]);
  document.documentElement.lang = preferred.find(Boolean) ?? locales.fr;
  document.documentElement.dataset.locales = Object.values(locales).join(" ");
}
