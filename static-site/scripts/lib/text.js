const language = document.documentElement.lang.slice(0, 2);
/** @type {{ default: Record<string, string> }} */
const { default: catalogue } = await import(`../../i18n/${language}.js`);

/**
 * The text of a key with its `{name}` placeholders filled in.
 * @param {string} key
 * @param {Record<string, unknown>} [values]
 */
export function text(key, values = {}) {
  return catalogue[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * The text of the first key that exists. The last one is generic, for codes of an API newer than this page.
 * @param {string[]} keys
 * @param {Record<string, unknown>} [values]
 */
export function firstText(keys, values) {
  const known = keys.find((key) => Object.hasOwn(catalogue, key));
  return text(known ?? keys[keys.length - 1], values);
}
