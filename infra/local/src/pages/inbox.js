// New mails come to the top by themselves; those that are there stay as they are, open or shut.
const list = document.querySelector("main");

async function look() {
  const response = await fetch("/_local/inbox");
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const newest = page.querySelectorAll("details");
  for (const mail of [...newest].reverse()) {
    if (!document.getElementById(mail.id)) list.prepend(document.adoptNode(mail));
  }
  if (newest.length > 0) document.getElementById("none")?.remove();
}

setInterval(() => {
  // The stack may be away for a moment: the next look finds it.
  if (!document.hidden) look().catch(() => {});
}, 2000);
