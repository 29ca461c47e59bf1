import { ApiError } from "/scripts/lib/api.js";
import { clearErrors, showErrors } from "/scripts/lib/errors.js";
import { errorMessages } from "/scripts/lib/error-messages.js";
import { text } from "/scripts/lib/text.js";

/**
 * Takes a form's sending over. `send(values)` asks the API; it returns `true` when the page is being left, and the
 * button then stays as it is. A `ApiError` that it throws is shown. What is sent twice goes once.
 */
export function enhanceForm(form, send) {
  const button = form.querySelector("[type=submit]");
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
    const idle = busy(button);
    let leaving = false;
    try {
      leaving = await send(Object.fromEntries(new FormData(form)));
    } catch (problem) {
      report(problem, form);
    } finally {
      if (!leaving) {
        sending = false;
        idle();
      }
    }
  });
}

/** Does what a button says, once at a time, and shows the refusal, in the words of `form` where it stands for one. */
export function onClick(button, action, form) {
  button.addEventListener("click", async () => {
    if (button.hasAttribute("aria-busy") || button.hasAttribute("aria-disabled")) return;
    clearErrors();
    const idle = busy(button);
    try {
      await action();
    } catch (problem) {
      report(problem, form);
    } finally {
      idle();
    }
  });
}

/** Shows a refusal; anything else is a fault of ours and goes on to the console. */
export function report(problem, form) {
  if (!(problem instanceof ApiError)) {
    showErrors([{ text: text("error.unexpected") }]);
    throw problem;
  }
  showErrors(errorMessages(problem, form));
}

function missingFields(form) {
  return [...form.elements]
    .filter((input) => input.required && input.value.trim() === "")
    .map((input) => ({ field: input.id, text: text(`missing.${input.dataset.missing ?? input.name}`) }));
}

function busy(button) {
  const label = button.textContent;
  button.setAttribute("aria-busy", "true");
  button.textContent = text("send.busy");
  return () => {
    button.removeAttribute("aria-busy");
    button.textContent = label;
  };
}
