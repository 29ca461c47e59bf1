import french from "/i18n/fr.js";

/** The sentence of that key, its `{names}` filled in. */
export function text(key, values = {}) {
  return french[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The sentence of the first key that the catalogue has: what a server newer than these pages says gets the last, general one. */
export function firstText(keys, values) {
  return text(keys.find((key) => Object.hasOwn(french, key)), values);
}
