// What the pad and the photographs have in common: a tray of small pictures, each with a menu of what can be done with it,
// and a line that says what happened, with an Undo.

import { make, one } from "./dom.js";
import { createMenu, makeIcon } from "./popup.js";

/** @typedef {ReturnType<typeof createStatus>} Status */
/** @typedef {import("./popup.js").Item} Item */
/** @typedef {import("./supports.js").Support} Support */

const DRAGGED = "application/x-support";
const PATHS = {
  remove: "M7 7l10 10M17 7 7 17",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  mute: "M4 4l16 16M6 7c-2 1.500-3 3.500-3 5 1.500 3.500 5 6 9 6 1.500 0 3-.4 4.500-1M10 6c5-1 9.500 2 11 6-.4 1-1 2-2 3",
  hear: "M3 12c1.500-3.500 5-6 9-6s7.500 2.500 9 6c-1.500 3.500-5 6-9 6s-7.500-2.500-9-6M12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6",
  flipOver: "M12 4v16M9 7 4 17h5zM15 7l5 10h-5z",
  turn: "M19 5v5h-5M18.500 10a7 7 0 1 0 .8 4.500",
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
     * @param {(() => void) | null} undoIt  takes back what it tells of...
     * @param {string} [other]  ...or, if that was something else, this
     */
    say(sentence, undoIt = null, other = "") {
      text.textContent = sentence;
      undo = undoIt;
      button.hidden = !undo;
      button.textContent = other ? `Undo: ${other.replace(/\.$/, "")}` : "Undo";
    },
    get undo() {
      return undo;
    },
  };
}

/**
 * @typedef {object} Shown
 * @property {Support[]} items
 * @property {number} slots  places at least, the empty ones dashed
 * @property {number | null} [used]  so many are read of the items that are not left out; all if null
 * @property {number} [needed]  empty places from here on need not be filled
 * @property {number | null} [away]  the place to which one that is elsewhere will come back
 */

/**
 * @param {HTMLElement} list
 * @param {object} options
 * @param {() => string} options.noun  an item, in words
 * @param {string} options.className  of an item
 * @param {(canvas: HTMLCanvasElement, pixels: string) => void} options.paint
 * @param {Record<"remove" | "mute" | "flipOver" | "turn", (i: number) => void>} options.can  what can be done with an item
 * @param {(i: number) => Item[]} [options.more]  what else
 * @param {(from: number, to: number) => void} [options.move]  if items can be moved
 */
export function createTray(list, { noun, className, paint, can, more = () => [], move }) {
  const title = () => noun()[0].toUpperCase() + noun().slice(1);

  /** @type {Support[]} */
  let items = [];
  let chosen = 0; // the item whose menu was opened last
  const menu = createMenu(/** @type {HTMLElement} */ (list.parentElement), () => focus(chosen));

  /** @param {Shown} shown */
  function show({ items: its, slots, used = null, needed = slots, away = null }) {
    items = its;
    let heard = 0;
    const all = items.map(({ muted }, i) => makeThumbnail(i, muted || ++heard > (used ?? items.length)));
    if (away !== null) all.splice(away, 0, makeSlot("slot is-away"));
    while (all.length < slots) all.push(makeSlot(all.length < needed ? "slot" : "slot is-optional"));
    list.replaceChildren(...all);
  }

  /** @param {string} className */
  function makeSlot(className) {
    const element = make("li", { className });
    element.setAttribute("aria-hidden", "true");
    return element;
  }

  /**
   * @param {number} i
   * @param {boolean} unused
   */
  function makeThumbnail(i, unused) {
    const canvas = make("canvas");
    const { pixels, muted } = items[i];
    const classes = [className, unused ? "unused" : "", muted ? "muted" : ""].filter(Boolean).join(" ");
    const element = make("li", { className: classes, tabIndex: 0 }, canvas);
    const is = `${title()} ${i + 1} of ${items.length}${muted ? ", left out for now" : unused ? ", not used" : ""}.`;
    const keys = move ? "Left and right arrow move it, Delete removes it." : "Delete removes it.";
    element.setAttribute("aria-label", `${is} Enter shows what can be done with it. ${keys}`);
    element.title = "Click: what can be done with it";
    paint(canvas, pixels);
    const away = () => {
      can.remove(i);
      focus(i);
    };
    const open = () => {
      chosen = i;
      menu.open(element, `${title()} ${i + 1}`, itemsOf(i, away));
    };
    /** @type {Record<string, () => void>} */
    const actions = { Delete: away, Backspace: away, Enter: open, " ": open };
    if (move) {
      Object.assign(actions, { ArrowLeft: () => shift(i, i - 1), ArrowRight: () => shift(i, i + 1) });
      letDrag(element, i, (from) => shift(from, i));
    }
    element.append(
      tool("remove", `Remove ${noun()} ${i + 1}`, away),
      tool("more", `What can be done with ${noun()} ${i + 1}`, open),
    );
    element.addEventListener("click", open);
    element.addEventListener("keydown", (event) => {
      if (event.target !== element || !actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
    return element;
  }

  /**
   * @param {number} i
   * @param {() => void} away
   * @returns {Item[]}
   */
  function itemsOf(i, away) {
    const { muted } = items[i];
    /** @param {(i: number) => void} action */
    const here = (action) => () => {
      action(i);
      focus(i);
    };
    /** @type {Item[]} */
    const moves = [
      { label: "Move left", icon: PATHS.left, run: () => shift(i, i - 1), disabled: i === 0 },
      { label: "Move right", icon: PATHS.right, run: () => shift(i, i + 1), disabled: i === items.length - 1 },
    ];
    return [
      ...more(i),
      {
        label: muted ? "Use it again" : "Leave out for now",
        icon: PATHS[muted ? "hear" : "mute"],
        run: here(can.mute),
      },
      { label: "Flip left and right", icon: PATHS.flipOver, run: () => can.flipOver(i), stays: true },
      { label: "Turn by a quarter", icon: PATHS.turn, run: () => can.turn(i), stays: true },
      ...(move ? moves : []),
      { label: "Remove", icon: PATHS.remove, run: away },
    ];
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  function shift(from, to) {
    if (!move || from === to || to < 0 || to >= items.length) return;
    move(from, to);
    focus(to);
  }

  /**
   * The item at a place, or what is nearest.
   * @param {number} i
   */
  function focus(i) {
    const shown = /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(`.${className}`));
    (shown[Math.min(i, shown.length - 1)] ?? list).focus();
  }

  return { show };
}

/**
 * @param {keyof typeof PATHS} name
 * @param {string} label
 * @param {() => void} action
 */
function tool(name, label, action) {
  const button = make(
    "button",
    { type: "button", className: `tool tool-${name}`, tabIndex: -1 },
    makeIcon(PATHS[name]),
  );
  button.setAttribute("aria-label", label);
  button.addEventListener("click", (event) => {
    event.stopPropagation(); // the item has a click of its own
    action();
  });
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
