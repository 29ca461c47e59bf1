import { text } from "/scripts/lib/text.js";

/**
 * Gives each password field of the form its show / hide button and its word on caps lock. What is shown is hidden again
 * on sending.
 */
export function addRevealButtons(form) {
  for (const button of form.querySelectorAll(".reveal")) {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    const [label] = input.labels;
    const set = (shown) => {
      const action = text(shown ? "reveal.hide" : "reveal.show");
      input.type = shown ? "text" : "password";
      button.textContent = action;
      button.setAttribute("aria-label", text("reveal.label", { action, label: label.textContent }));
    };
    button.addEventListener("click", () => set(input.type === "password"));
    form.addEventListener("submit", () => set(false));
    set(false);
    button.hidden = false;
    addCapsLockWarning(input);
  }
}

function addCapsLockWarning(input) {
  const warning = document.createElement("p");
  warning.className = "caps-lock";
  warning.setAttribute("role", "status");
  input.parentElement.after(warning);
  const look = (event) => {
    // A password manager's own events are no keyboard's.
    if (event.getModifierState) warning.textContent = event.getModifierState("CapsLock") ? text("caps-lock") : "";
  };
  input.addEventListener("keydown", look);
  input.addEventListener("keyup", look);
  input.addEventListener("blur", () => (warning.textContent = ""));
}

/** Shows the server's `policy` as a list and ticks off what `input` holds while it is typed. */
export function showRules(list, input, policy, account) {
  const rules = [
    [policy.max_length ? "rule.length" : "rule.min-length", (typed) => within([...typed].length, policy)],
    policy.needs_letter && ["rule.letter", (typed) => /\p{L}/u.test(typed)],
    policy.needs_digit && ["rule.digit", (typed) => /\p{Nd}/u.test(typed)],
    ["rule.account", (typed) => typed !== "" && !typed.toLowerCase().includes(account)],
  ].filter(Boolean);
  const entries = rules.map(([key, holds]) => entry(text(key, policy), holds));
  list.replaceChildren(...entries.map(({ element }) => element), entry(text("rule.server-checked")).element);
  const tick = () => {
    // As the server counts: composed form, code points.
    const typed = input.value.normalize("NFKC");
    for (const { update } of entries) update(typed);
  };
  input.oninput = tick;
  // The fields are emptied once those who listen have heard of it.
  input.form.onreset = () => queueMicrotask(tick);
  tick();
}

const within = (length, { min_length, max_length = Infinity }) => length >= min_length && length <= max_length;

function entry(words, holds) {
  const element = document.createElement("li");
  const state = document.createElement("span");
  state.className = "visually-hidden";
  element.append(words, state);
  const update = (typed) => {
    const met = holds(typed);
    element.classList.toggle("met", met);
    state.textContent = text(met ? "rule.met" : "rule.unmet");
  };
  return { element, update };
}
