// Both pages that mail a link: what differs is in their markup.
import "/scripts/lib/desk.js";
import { ask } from "/scripts/lib/api.js";
import { takeOver } from "/scripts/lib/form.js";
import { keptName, takeWord } from "/scripts/lib/memory.js";

const form = document.querySelector("form");
const request = document.getElementById("request");
const done = document.getElementById("done");

function show(sent) {
  request.hidden = sent;
  done.hidden = !sent;
}

takeOver(form, async ({ account }) => {
  await ask("POST", form.getAttribute("action"), { account });
  show(true);
  document.getElementById("done-title").focus();
});

document.getElementById("again").addEventListener("click", () => {
  show(false);
  form.elements.account.focus();
});

const { account, send } = takeWord();
form.elements.account.value = account ?? keptName() ?? form.elements.account.value;
if (send) form.requestSubmit();
