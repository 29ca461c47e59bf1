// Which language, before anything is painted: the one kept here, else the browser's first that there is, else French,
// which the markup is in. No module, for those run after the first paint.
{
  const locales = { fr: "fr-CA", en: "en-CA" };
  let kept = null;
  try {
    kept = localStorage.getItem("guichet.language");
  } catch {
    // Storage is switched off.
  }
  const wanted = [kept, ...navigator.languages].map((tag) => locales[tag?.slice(0, 2).toLowerCase()]);
  document.documentElement.lang = wanted.find(Boolean) ?? locales.fr;
  document.documentElement.dataset.locales = Object.values(locales).join(" ");
}
