import { query, queryAll } from "./dom.js";
import { text } from "./text.js";

/** @typedef {{ min_length: number, max_length?: number, needs_letter: boolean, needs_digit: boolean }} PasswordPolicy */

/**
 * Adds show/hide buttons and caps lock warnings to the password inputs. Submitting the form hides the passwords.
 * @param {HTMLFormElement} form
 */
export function addRevealButtons(form) {
  for (const button of queryAll(".reveal", form)) {
    const input = query(`#${button.getAttribute("aria-controls")}`, HTMLInputElement);
    const label = input.labels?.[0]?.textContent;
    /** @param {boolean} revealed */
    const reveal = (revealed) => {
      const action = text(revealed ? "reveal.hide" : "reveal.show");
      input.type = revealed ? "text" : "password";
      button.textContent = action;
      button.setAttribute("aria-label", text("reveal.label", { action, label }));
    };
    button.addEventListener("click", () => reveal(input.type === "password"));
    form.addEventListener("submit", () => reveal(false));
    reveal(false);
    button.hidden = false;
    addCapsLockWarning(input);
  }
}

/** @param {HTMLInputElement} input */
function addCapsLockWarning(input) {
  const warning = document.createElement("p");
  warning.className = "caps-lock";
  warning.setAttribute("role", "status");
  input.parentElement?.after(warning);
  /** @param {Event} event */
  const update = (event) => {
    // Password managers dispatch key events that are no KeyboardEvent.
    if (event instanceof KeyboardEvent)
      warning.textContent = event.getModifierState("CapsLock") ? text("caps-lock") : "";
  };
  input.addEventListener("keydown", update);
  input.addEventListener("keyup", update);
  input.addEventListener("blur", () => {
    warning.textContent = "";
  });
}

/**
 * The rules that a browser can check. `isMet` counts as the server does: NFKC, code points.
 * @param {PasswordPolicy} policy
 * @param {string} account in canonical form
 */
export function passwordRules(policy, account) {
  const { min_length: min, max_length: max = Infinity } = policy;
  /** @type {[string, (password: string) => boolean][]} */
  const rules = [
    [
      policy.max_length ? "rule.length" : "rule.min-length",
      (password) => [...password].length >= min && [...password].length <= max,
    ],
  ];
  if (policy.needs_letter) rules.push(["rule.letter", (password) => /\p{L}/u.test(password)]);
  if (policy.needs_digit) rules.push(["rule.digit", (password) => /\p{Nd}/u.test(password)]);
  rules.push(["rule.account", (password) => password !== "" && !password.toLowerCase().includes(account)]);
  return rules.map(([key, test]) => ({
    text: text(key, policy),
    /** @param {string} typed */
    isMet: (typed) => test(typed.normalize("NFKC")),
  }));
}

/**
 * Lists the rules and marks those that the input meets, as the user types.
 * @param {HTMLElement} list
 * @param {HTMLInputElement} input
 * @param {PasswordPolicy} policy
 * @param {string} account
 */
export function showRules(list, input, policy, account) {
  const items = passwordRules(policy, account).map((rule) => ({ rule, ...ruleItem(rule.text) }));
  list.replaceChildren(...items.map(({ item }) => item), ruleItem(text("rule.server-checked")).item);
  const update = () => {
    for (const { rule, item, state } of items) {
      const met = rule.isMet(input.value);
      item.classList.toggle("met", met);
      state.textContent = text(met ? "rule.met" : "rule.unmet");
    }
  };
  input.oninput = update;
  // The reset event fires before the inputs are emptied.
  if (input.form) input.form.onreset = () => queueMicrotask(update);
  update();
}

/** @param {string} label */
function ruleItem(label) {
  const item = document.createElement("li");
  const state = document.createElement("span");
  state.className = "visually-hidden";
  item.append(label, state);
  return { item, state };
}
