import { firstText, text } from "/scripts/lib/text.js";
import { wait } from "/scripts/lib/time.js";

// What `Retry-After` says where waiting does not help but a mailed link does.
const LOCKED_RETRY_AFTER = 86_400;

/** What each form counts its attempts for; chooses the words of a 429. */
const RATE_LIMIT_KEYS = {
  "sign-in": "throttled.sign-in",
  "password-form": "throttled.sign-in",
  register: "throttled.ask",
  "request-reset": "throttled.ask",
  "paste-code": "throttled.link",
  reset: "throttled.link",
  "find-account": "throttled.search",
};

/** A refusal in words, as `showErrors` takes them. `form` is where it belongs, if anywhere. */
export function errorMessages(refusal, form) {
  const { code } = refusal;
  const values = { wait: wait(refusal.retryAfter), kept: form && !form.closest("[hidden]") ? text("refused.kept") : "" };
  if (code === "too-many-attempts") return [throttled(refusal, RATE_LIMIT_KEYS[form?.id] ?? "throttled.other", values)];
  if (code === "password-refused" && refusal.violations.length > 0) {
    return refusal.violations.map((violation) => ({
      text: firstText([`violation.${violation}`, "violation.other"]),
      field: "password",
    }));
  }
  return [{ text: firstText([messageKey(code, form), "refused.unexpected"], values), field: fieldId(code, form) }];
}

function throttled({ retryAfter }, key, values) {
  if (key !== "throttled.sign-in") return { text: text(key, values) };
  return {
    text: text(retryAfter >= LOCKED_RETRY_AFTER ? "throttled.only-a-link" : key, values),
    link: { href: "/mot-de-passe-oublie", text: text("throttled.ask-for-link") },
  };
}

function messageKey(code, form) {
  if (code === "invalid-request" && hasEditableAccount(form)) return "refused.invalid-account";
  if (code === "invalid-credentials" && form?.elements.current) return "refused.invalid-current";
  return code === "password-refused" ? "violation.other" : `refused.${code}`;
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
