const language = document.documentElement.lang.slice(0, 2);
const { default: catalogue } = await import(`/i18n/${language}.js`);

/** The sentence of that key, its `{names}` filled in. */
export function text(key, values = {}) {
  return catalogue[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The sentence of the first key that the catalogue has: what a server newer than these pages says gets the last, general one. */
export function firstText(keys, values) {
  return text(keys.find((key) => Object.hasOwn(catalogue, key)), values);
}
