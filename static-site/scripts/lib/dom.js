/**
 * The first element that matches. Throws if there is none of this type, because markup and script then disagree.
 * @template {HTMLElement} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [root]
 */
export function query(selector, type, root = document) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`no ${type.name} matches ${selector}`);
  return element;
}

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {NodeListOf<HTMLElement>}
 */
export const queryAll = (selector, root = document) => root.querySelectorAll(selector);

/**
 * A copy of the content of the `<template>` with this id, with its slots.
 * @param {string} id
 */
export function cloneTemplate(id) {
  const { content } = query(`#${id}`, HTMLTemplateElement);
  const element = query("*", HTMLElement, document.importNode(content, true));
  return { element, slots: slotsOf(element) };
}

/**
 * The `data-slot` elements below `root` by name.
 * @param {ParentNode} root
 * @returns {Record<string, HTMLElement>}
 */
export function slotsOf(root) {
  return Object.fromEntries([...queryAll("[data-slot]", root)].map((slot) => [slot.dataset.slot, slot]));
}
