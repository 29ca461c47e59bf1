// The few globals that the scripts read when they are loaded, so that Node can import them.

/** The locales of a page in French or English. */
export const LOCALES = { fr: "fr-CA", en: "en-CA" };

/**
 * Makes the process a page in this language. Call it before importing a script.
 * @param {keyof typeof LOCALES} language
 */
export function openPage(language) {
  class Element {
    hidden = false;
    addEventListener() {}
  }
  const documentElement = { lang: LOCALES[language], dataset: { locales: Object.values(LOCALES).join(" ") } };
  const document = { documentElement, querySelector: () => new Element(), querySelectorAll: () => [] };
  defineGlobals({ document, HTMLButtonElement: Element, HTMLInputElement: Element });
}

/** A `Storage` in memory. */
export class MemoryStorage {
  /** @type {Map<string, string>} */
  #items = new Map();
  /** @param {string} key */
  getItem = (key) => this.#items.get(key) ?? null;
  /**
   * @param {string} key
   * @param {string} value
   */
  setItem = (key, value) => void this.#items.set(key, value);
  /** @param {string} key */
  removeItem = (key) => void this.#items.delete(key);
}

/** Replaces both web storages with empty ones. */
export function enableStorage() {
  defineGlobals({ localStorage: new MemoryStorage(), sessionStorage: new MemoryStorage() });
}

/** Makes both web storages throw, as browsers do when the user blocks them. */
export function disableStorage() {
  for (const name of ["localStorage", "sessionStorage"]) {
    const get = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    Object.defineProperty(globalThis, name, { get, configurable: true });
  }
}

/** @param {Record<string, unknown>} values */
function defineGlobals(values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}
