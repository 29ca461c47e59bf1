/** A copy of the `<template>` of that id, its `data-slot` elements by name. */
export function cloneTemplate(id) {
  const element = document.getElementById(id).content.firstElementChild.cloneNode(true);
  return { element, slots: slotsOf(element) };
}

/** The `data-slot` elements in that part of the page, by name. */
export function slotsOf(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-slot]")].map((slot) => [slot.dataset.slot, slot]));
}
