// What the pad and the photographs have in common: a tray of small pictures that can be removed and moved, and a line
// that says what happened, with an Undo.

import { make, one } from "./dom.js";

/** @typedef {ReturnType<typeof createStatus>} Status */

const DRAGGED = "application/x-support";
const PATHS = {
  remove: "M7 7l10 10M17 7 7 17",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
};

/**
 * @param {HTMLElement} element  with a [role=status] and the button [data-do=restore]
 */
export function createStatus(element) {
  const text = one(element, "[role=status]");
  const button = one(element, "[data-do=restore]");
  /** @type {(() => void) | null} */
  let undo = null;
  button.addEventListener("click", () => undo?.());
  return {
    /**
     * @param {string} sentence
     * @param {(() => void) | null} undoIt  takes back what it tells of
     */
    say(sentence, undoIt = null) {
      text.textContent = sentence;
      undo = undoIt;
      button.hidden = !undo;
    },
    get undo() {
      return undo;
    },
  };
}

/**
 * @typedef {object} Shown
 * @property {string[]} items
 * @property {number} slots  places at least, the empty ones dashed
 * @property {number} [used]  items from here on are not used
 * @property {number} [needed]  empty places from here on need not be filled
 */

/**
 * @param {HTMLElement} list
 * @param {object} options
 * @param {string} options.noun  an item, in words
 * @param {string} options.className  of an item
 * @param {(canvas: HTMLCanvasElement, item: string) => void} options.paint
 * @param {(i: number) => void} options.remove
 * @param {(from: number, to: number) => void} [options.move]  if items can be moved
 */
export function createTray(list, { noun, className, paint, remove, move }) {
  const title = noun[0].toUpperCase() + noun.slice(1);

  /** @param {Shown} shown */
  function show({ items, slots, used = items.length, needed = slots }) {
    const places = Math.max(slots, items.length);
    const thumbnail = (/** @type {number} */ i) => makeThumbnail(items, i, i >= used);
    const slot = (/** @type {number} */ i) => {
      const element = make("li", { className: i < needed ? "slot" : "slot is-optional" });
      element.setAttribute("aria-hidden", "true");
      return element;
    };
    list.replaceChildren(...Array.from({ length: places }, (_, i) => (i < items.length ? thumbnail : slot)(i)));
  }

  /**
   * @param {string[]} items
   * @param {number} i
   * @param {boolean} unused
   */
  function makeThumbnail(items, i, unused) {
    const canvas = make("canvas");
    const keys = move ? "Left and right arrow move it, Delete removes it." : "Delete removes it.";
    const element = make("li", { className: unused ? `${className} unused` : className, tabIndex: 0 }, canvas);
    element.setAttribute("aria-label", `${title} ${i + 1} of ${items.length}${unused ? ", not used" : ""}. ${keys}`);
    paint(canvas, items[i]);
    const away = () => {
      remove(i);
      focus(i);
    };
    /** @type {Record<string, () => void>} */
    const actions = { Delete: away, Backspace: away };
    element.append(tool("remove", `Remove ${noun} ${i + 1}`, away));
    if (move) {
      const shift = (/** @type {number} */ from, /** @type {number} */ to) => {
        if (from === to || to < 0 || to >= items.length) return;
        move(from, to);
        focus(to);
      };
      const left = () => shift(i, i - 1);
      const right = () => shift(i, i + 1);
      Object.assign(actions, { ArrowLeft: left, ArrowRight: right });
      element.append(tool("left", `Move ${noun} ${i + 1} left`, left, i === 0));
      element.append(tool("right", `Move ${noun} ${i + 1} right`, right, i === items.length - 1));
      letDrag(element, i, (from) => shift(from, i));
    }
    element.addEventListener("keydown", (event) => {
      if (event.target !== element || !actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
    return element;
  }

  /**
   * The item at a place, or what is nearest.
   * @param {number} i
   */
  function focus(i) {
    const items = /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(`.${className}`));
    (items[Math.min(i, items.length - 1)] ?? list).focus();
  }

  return { show };
}

/**
 * @param {keyof typeof PATHS} name
 * @param {string} label
 * @param {() => void} action
 * @param {boolean} disabled
 */
function tool(name, label, action, disabled = false) {
  const button = make("button", { type: "button", className: `tool tool-${name}`, tabIndex: -1, disabled });
  button.setAttribute("aria-label", label);
  button.innerHTML = `<svg viewBox="0 0 24 24"><path d="${PATHS[name]}"/></svg>`;
  button.addEventListener("click", action);
  return button;
}

/**
 * @param {HTMLElement} element
 * @param {number} i  its place
 * @param {(from: number) => void} drop
 */
function letDrag(element, i, drop) {
  element.draggable = true;
  element.addEventListener("dragstart", ({ dataTransfer }) => {
    if (!dataTransfer) return;
    dataTransfer.setData(DRAGGED, String(i));
    dataTransfer.effectAllowed = "move";
  });
  element.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes(DRAGGED)) event.preventDefault();
  });
  element.addEventListener("drop", (event) => {
    const from = event.dataTransfer?.getData(DRAGGED);
    if (!from) return;
    event.preventDefault();
    drop(Number(from));
  });
}

/**
 * A card that shows a ready-made set, and takes it when it is pressed.
 * @param {string} className
 * @param {string} name
 * @param {string} label
 * @param {HTMLCanvasElement[]} pictures
 * @param {() => void} take
 */
export function makeCard(className, name, label, pictures, take) {
  const card = make("button", { type: "button", className }, ...pictures, make("span", {}, name));
  card.setAttribute("aria-label", label);
  card.addEventListener("click", take);
  return card;
}
