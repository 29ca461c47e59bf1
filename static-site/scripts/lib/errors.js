// First, because it translates the title.
import "./language.js";
import { query, queryAll } from "./dom.js";
import { text } from "./text.js";

/** @typedef {{ text: string, field?: string, link?: { href: string, text: string } }} ErrorMessage `field` is an input's id */

const summary = query("#errors", HTMLElement);
const title = document.title;

/**
 * Shows the error summary and marks the inputs.
 * @param {ErrorMessage[]} errors
 */
export function showErrors(errors) {
  clearErrors();
  query("ul", HTMLElement, summary).replaceChildren(...errors.map(listItem));
  for (const { field, text: message } of errors) {
    if (field) markInvalid(field, message);
  }
  summary.hidden = false;
  document.title = text("error.title-prefix", { title });
  summary.focus();
}

export function clearErrors() {
  document.title = title;
  summary.hidden = true;
  for (const input of queryAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const message = query(`#${input.id}-error`, HTMLElement);
    message.textContent = "";
    message.hidden = true;
  }
}

/** @param {ErrorMessage} error */
function listItem({ text: message, field, link }) {
  const item = document.createElement("li");
  item.append(field ? anchor(`#${field}`, message) : message);
  if (link) item.append(" ", anchor(link.href, link.text));
  return item;
}

/**
 * @param {string} href
 * @param {string} label
 */
function anchor(href, label) {
  const element = document.createElement("a");
  element.href = href;
  element.textContent = label;
  if (href.startsWith("#")) {
    element.addEventListener("click", (event) => {
      // The fragment of the address is reserved for the token of a link.
      event.preventDefault();
      query(href, HTMLElement).focus();
    });
  }
  return element;
}

/**
 * @param {string} field
 * @param {string} text
 */
function markInvalid(field, text) {
  const message = query(`#${field}-error`, HTMLElement);
  const line = document.createElement("span");
  line.textContent = text;
  message.append(line);
  message.hidden = false;
  query(`#${field}`, HTMLElement).setAttribute("aria-invalid", "true");
}
