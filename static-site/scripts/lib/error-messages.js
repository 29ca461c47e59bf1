import { firstText, text } from "/scripts/lib/text.js";
import { wait } from "/scripts/lib/time.js";

// What `Retry-After` says where waiting does not help but a mailed link does.
const LOCKED_RETRY_AFTER = 86_400;

/** What each form counts its attempts for; chooses the words of a 429. */
const RATE_LIMIT_KEYS = {
  "sign-in": "rate-limited.sign-in",
  "password-form": "rate-limited.sign-in",
  register: "rate-limited.link-request",
  "request-reset": "rate-limited.link-request",
  "paste-code": "rate-limited.link-check",
  reset: "rate-limited.link-check",
  "find-account": "rate-limited.search",
};

/** A refusal in words, as `showErrors` takes them. `form` is where it belongs, if anywhere. */
export function errorMessages(refusal, form) {
  const { code } = refusal;
  const values = { wait: wait(refusal.retryAfter), kept: form && !form.closest("[hidden]") ? text("error.input-kept") : "" };
  if (code === "too-many-attempts") return [throttled(refusal, RATE_LIMIT_KEYS[form?.id] ?? "rate-limited.other", values)];
  if (code === "password-refused" && refusal.violations.length > 0) {
    return refusal.violations.map((violation) => ({
      text: firstText([`violation.${violation}`, "violation.other"]),
      field: "password",
    }));
  }
  return [{ text: firstText([messageKey(code, form), "error.unexpected"], values), field: fieldId(code, form) }];
}

function throttled({ retryAfter }, key, values) {
  if (key !== "rate-limited.sign-in") return { text: text(key, values) };
  return {
    text: text(retryAfter >= LOCKED_RETRY_AFTER ? "rate-limited.locked" : key, values),
    link: { href: "/mot-de-passe-oublie", text: text("rate-limited.request-link") },
  };
}

function messageKey(code, form) {
  if (code === "invalid-request" && hasEditableAccount(form)) return "error.invalid-account";
  if (code === "invalid-credentials" && form?.elements.current) return "error.invalid-current";
  return code === "password-refused" ? "violation.other" : `error.${code}`;
}

function fieldId(code, form) {
  if (code === "invalid-request" && hasEditableAccount(form)) return "account";
  if (code === "invalid-credentials") return form?.elements.current ? "current" : "password";
  return { "password-refused": "password", "confirmation-differs": "confirmation" }[code];
}

function hasEditableAccount(form) {
  const input = form?.elements.account;
  return input && !input.readOnly;
}
