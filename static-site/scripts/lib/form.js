import { ApiError } from "./api.js";
import { query } from "./dom.js";
import { errorMessages } from "./error-messages.js";
import { clearErrors, showErrors } from "./errors.js";
import { text } from "./text.js";

/**
 * Submits a form by script: checks required inputs, shows progress and errors, and ignores a second submit meanwhile.
 * @param {HTMLFormElement} form
 * @param {(values: Record<string, string>) => Promise<boolean | void>} send calls the API; resolves to true if it leaves
 *   the page, and the button then stays busy
 */
export function enhanceForm(form, send) {
  const button = query("[type=submit]", HTMLButtonElement, form);
  let sending = false;
  form.noValidate = true;
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    const missing = missingFields(form);
    if (missing.length > 0) return showErrors(missing);
    clearErrors();
    sending = true;
    const restore = markBusy(button);
    let leaving;
    try {
      leaving = await send(valuesOf(form));
    } catch (error) {
      showError(error, form);
    } finally {
      if (!leaving) {
        sending = false;
        restore();
      }
    }
  });
}

/**
 * Runs `action` on a click, once at a time, and shows its error.
 * @param {HTMLElement} button
 * @param {() => Promise<unknown>} action
 * @param {HTMLFormElement} [form] selects the error's text, as in `errorMessages`
 */
export function onClick(button, action, form) {
  button.addEventListener("click", async () => {
    if (button.hasAttribute("aria-busy") || button.hasAttribute("aria-disabled")) return;
    clearErrors();
    const restore = markBusy(button);
    try {
      await action();
    } catch (error) {
      showError(error, form);
    } finally {
      restore();
    }
  });
}

/**
 * Shows an error. Throws it again if it is not an `ApiError`: a bug must reach the console.
 * @param {unknown} error
 * @param {HTMLFormElement} [form]
 */
export function showError(error, form) {
  if (!(error instanceof ApiError)) {
    showErrors([{ text: text("error.unexpected") }]);
    throw error;
  }
  showErrors(errorMessages(error, form));
}

/** @param {HTMLFormElement} form */
function valuesOf(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
}

/** @param {HTMLFormElement} form */
function missingFields(form) {
  return [...form.elements]
    .filter((element) => element instanceof HTMLInputElement)
    .filter((input) => input.required && input.value.trim() === "")
    .map((input) => ({ field: input.id, text: text(`missing.${input.dataset.missing ?? input.name}`) }));
}

/**
 * Returns the function that makes the button idle.
 * @param {HTMLElement} button
 */
function markBusy(button) {
  const label = button.textContent;
  button.setAttribute("aria-busy", "true");
  button.textContent = text("send.busy");
  return () => {
    button.removeAttribute("aria-busy");
    button.textContent = label;
  };
}
