import { text } from "/scripts/lib/text.js";

const summary = document.getElementById("errors");
const title = document.title;

/** Shows what went wrong: a list of `{text, field?, link?}`, where `field` is an input's id and `link` is `{href, text}`. */
export function showErrors(errors) {
  clearErrors();
  summary.querySelector("ul").replaceChildren(...errors.map(item));
  for (const { field, text: words } of errors) {
    if (field) mark(document.getElementById(field), words);
  }
  summary.hidden = false;
  document.title = text("error.title-prefix", { title });
  summary.focus();
}

export function clearErrors() {
  document.title = title;
  summary.hidden = true;
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const message = document.getElementById(`${input.id}-error`);
    message.textContent = "";
    message.hidden = true;
  }
}

function item({ text: words, field, link }) {
  const entry = document.createElement("li");
  entry.append(field ? anchor(`#${field}`, words) : words);
  if (link) entry.append(" ", anchor(link.href, link.text));
  return entry;
}

function anchor(href, words) {
  const element = document.createElement("a");
  element.href = href;
  element.textContent = words;
  if (href.startsWith("#")) {
    // Without a fragment in the address: it is where a link's token comes in.
    element.addEventListener("click", (event) => {
      event.preventDefault();
      document.querySelector(href).focus();
    });
  }
  return element;
}

function mark(input, words) {
  const message = document.getElementById(`${input.id}-error`);
  const line = document.createElement("span");
  line.textContent = words;
  message.append(line);
  message.hidden = false;
  input.setAttribute("aria-invalid", "true");
}
