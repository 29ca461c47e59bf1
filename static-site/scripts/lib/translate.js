import { queryAll } from "./dom.js";
import { text } from "./text.js";

/**
 * Replaces the French of the markup with the texts of the page's language.
 * @param {ParentNode} [root]
 */
export function translate(root = document) {
  for (const element of queryAll("[data-text]", root)) fill(element, text(element.dataset.text ?? ""));
  for (const template of root.querySelectorAll("template")) translate(template.content);
}

/**
 * Splits a text at its references to child elements: `<0>text</0>` replaces the text of child 0, `<0/>` keeps the child.
 * @param {string} sentence
 * @returns {(string | { child: number, text?: string })[]}
 */
export function splitText(sentence) {
  return [...sentence.matchAll(/<(\d)>(.*?)<\/\1>|<(\d)\/>|[^<]+/g)].map(([part, replaced, content, kept]) => {
    const child = replaced ?? kept;
    return child === undefined ? part : { child: Number(child), text: content };
  });
}

/**
 * @param {Element} element
 * @param {string} sentence
 */
function fill(element, sentence) {
  const children = [...element.children];
  const nodes = splitText(sentence).map((part) => {
    if (typeof part === "string") return part;
    const child = children[part.child];
    if (part.text !== undefined) fill(child, part.text);
    return child;
  });
  element.replaceChildren(...nodes);
}
