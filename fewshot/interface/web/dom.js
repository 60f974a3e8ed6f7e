// Elements of the page, found by the names that its HTML gives them.

/**
 * All places of a pointer since the last event, where the browser tells them: not at addresses without https.
 * @param {PointerEvent} moved
 */
export function placesOf(moved) {
  const events = moved.getCoalescedEvents?.() ?? [];
  return events.length ? events : [moved];
}

/**
 * The element that a selector finds, which must be there, and of a type if that matters.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} [type]
 * @returns {T}
 */
export function one(root, selector, type) {
  const found = root.querySelector(selector);
  if (!found || (type && !(found instanceof type))) throw new Error(`The page lacks ${selector}.`);
  return /** @type {T} */ (found);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
