/** @import { ApiError } from "./api.js" */
/** @import { ErrorMessage } from "./errors.js" */
import { firstText, text } from "./text.js";
import { formatWait } from "./time.js";

// `Retry-After` of a locked account: waiting does not help, a mailed link does.
const LOCKED_RETRY_AFTER = 86_400;

/**
 * The text of a 429 by the id of the form: the rate limits differ.
 * @type {Record<string, string>}
 */
const RATE_LIMIT_KEYS = {
  "sign-in": "rate-limited.sign-in",
  "password-form": "rate-limited.sign-in",
  register: "rate-limited.link-request",
  "request-reset": "rate-limited.link-request",
  "paste-code": "rate-limited.link-check",
  reset: "rate-limited.link-check",
  "find-account": "rate-limited.search",
};

/**
 * The messages to show for an API error.
 * @param {ApiError} error
 * @param {HTMLFormElement} [form] the form that sent the request
 * @returns {ErrorMessage[]}
 */
export function errorMessages(error, form) {
  const { code } = error;
  const kept = form && !form.closest("[hidden]") ? text("error.input-kept") : "";
  const values = { wait: formatWait(error.retryAfter), kept };
  if (code === "too-many-attempts") {
    return [rateLimitMessage(error, RATE_LIMIT_KEYS[form?.id ?? ""] ?? "rate-limited.other", values)];
  }
  if (code === "password-refused" && error.violations.length > 0) {
    return error.violations.map((violation) => ({
      text: firstText([`violation.${violation}`, "violation.other"]),
      field: "password",
    }));
  }
  return [{ text: firstText([messageKey(code, form), "error.unexpected"], values), field: fieldId(code, form) }];
}

/**
 * @param {ApiError} error
 * @param {string} key
 * @param {Record<string, string>} values
 * @returns {ErrorMessage}
 */
function rateLimitMessage({ retryAfter = 0 }, key, values) {
  if (key !== "rate-limited.sign-in") return { text: text(key, values) };
  return {
    text: text(retryAfter >= LOCKED_RETRY_AFTER ? "rate-limited.locked" : key, values),
    link: { href: "/mot-de-passe-oublie", text: text("rate-limited.request-link") },
  };
}

/**
 * @param {string} code
 * @param {HTMLFormElement} [form]
 */
function messageKey(code, form) {
  if (code === "invalid-request" && hasEditableAccount(form)) return "error.invalid-account";
  if (code === "invalid-credentials" && form?.elements.namedItem("current")) return "error.invalid-current";
  return code === "password-refused" ? "violation.other" : `error.${code}`;
}

/**
 * The id of the input that the error is about.
 * @param {string} code
 * @param {HTMLFormElement} [form]
 */
function fieldId(code, form) {
  if (code === "invalid-request") return hasEditableAccount(form) ? "account" : undefined;
  if (code === "invalid-credentials") return form?.elements.namedItem("current") ? "current" : "password";
  if (code === "password-refused") return "password";
  return code === "confirmation-differs" ? "confirmation" : undefined;
}

/** @param {HTMLFormElement} [form] */
function hasEditableAccount(form) {
  const input = form?.elements.namedItem("account");
  return input instanceof HTMLInputElement && !input.readOnly;
}
