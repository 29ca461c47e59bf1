import { text } from "/scripts/lib/text.js";

/** Puts the sentences of the page's language in place of the markup's, which are French. */
export function translate(root = document) {
  for (const element of root.querySelectorAll("[data-text]")) fill(element, text(element.dataset.text));
  for (const template of root.querySelectorAll("template")) translate(template.content);
}

/** A sentence into an element. `<0>words</0>` are the words of its first child, `<0/>` that child as it is. */
function fill(element, sentence) {
  const children = [...element.children];
  const pieces = [...sentence.matchAll(/<(\d)>(.*?)<\/\1>|<(\d)\/>|[^<]+/g)].map(([piece, filled, words, kept]) => {
    if (filled) fill(children[filled], words);
    return children[filled ?? kept] ?? piece;
  });
  element.replaceChildren(...pieces);
}
