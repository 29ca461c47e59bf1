// Polls for new emails and puts them on top. Those that are shown stay open or closed.
const list = document.querySelector("main");

async function poll() {
  const response = await fetch("/_local/inbox");
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const newest = page.querySelectorAll("details");
  for (const mail of [...newest].reverse()) {
    if (!document.getElementById(mail.id)) list.prepend(document.adoptNode(mail));
  }
  if (newest.length > 0) document.getElementById("none")?.remove();
}

setInterval(() => {
  // The stack may be restarting.
  if (!document.hidden) poll().catch(() => {});
}, 2000);
