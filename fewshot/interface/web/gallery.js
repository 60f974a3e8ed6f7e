// A strip of small pictures, which can be unfolded to a grid: one of them is the current one, which arrow keys move.

import { make } from "./dom.js";
import { CLEAR, paintCanvas, rgb, shades } from "./painting.js";

/** @typedef {import("./painting.js").Colour} Colour */

const PATHS = {
  star: "M12 3.5l2.600 5.300 5.900.9-4.300 4.100 1 5.800-5.200-2.700-5.200 2.700 1-5.800L3.500 9.700l5.900-.9z",
  remove: "M7 7l10 10M17 7 7 17",
};

/**
 * @typedef {object} Shown
 * @property {string} key  of the picture, by which it is known again
 * @property {Uint8Array} image  [pixels, channels]
 * @property {number} side
 * @property {number} channels
 * @property {number} rows  that are drawn
 * @property {string} label  for who does not see it
 * @property {(string | Node)[]} caption
 * @property {{icon: keyof typeof PATHS, label: string, pressed?: boolean}} tool
 */

/**
 * @param {HTMLElement} list
 * @param {object} options
 * @param {(key: string) => void} options.choose  a picture was clicked, or the arrow keys came to it
 * @param {(key: string) => void} options.use  its tool was
 * @param {() => Colour} options.ink
 * @param {boolean} [options.removes]  its tool takes it away, and so does the key for that
 */
export function createGallery(list, { choose, use, ink, removes = false }) {
  /** @type {Map<string, HTMLLIElement>} */
  const elements = new Map();
  let current = ""; // the key of the only picture that the tab key reaches
  /** @type {string | null} */
  let marked = null; // that of the one that the player shows

  const keys = () => [...elements.keys()];
  const playOf = (/** @type {string} */ key) =>
    /** @type {HTMLButtonElement | undefined} */ (elements.get(key)?.querySelector(".picture-play"));

  /** @param {Shown[]} pictures */
  function show(pictures) {
    const focused = keys().find((key) => elements.get(key)?.contains(document.activeElement));
    const before = keys().indexOf(focused ?? "");
    const old = new Map(elements);
    // New pictures take the elements of those that are gone: sixteen canvases each time are much to collect.
    const spare = keys().filter((key) => !pictures.some((picture) => picture.key === key));
    elements.clear();
    for (const { key } of pictures) {
      const element = old.get(key) ?? old.get(String(spare.shift())) ?? begin();
      element.dataset.key = key;
      elements.set(key, element);
    }
    const colour = ink();
    for (const picture of pictures) update(picture, colour);
    const inPlace = [...elements.values()].every((element, i) => list.children[i] === element);
    if (!inPlace || list.children.length !== elements.size) list.replaceChildren(...elements.values());
    if (!elements.has(current)) current = keys()[Math.max(0, Math.min(before, elements.size - 1))] ?? "";
    reach();
    mark(marked);
    if (focused && !list.contains(document.activeElement)) playOf(current)?.focus();
  }

  function begin() {
    const play = make("button", { type: "button", className: "picture-play" }, make("canvas"));
    const tool = make("button", { type: "button", className: "tool" });
    const element = make("li", { className: "picture" }, play, tool, make("span", { className: "picture-caption" }));
    const key = () => String(element.dataset.key);
    play.addEventListener("click", () => take(key()));
    tool.addEventListener("click", () => use(key()));
    element.addEventListener("keydown", (event) => keyDown(event, key()));
    return element;
  }

  /**
   * @param {Shown} picture
   * @param {Colour} colour  of its ink
   */
  function update({ key, image, side, channels, rows, label, caption, tool }, colour) {
    const element = /** @type {HTMLLIElement} */ (elements.get(key));
    const [canvas] = element.getElementsByTagName("canvas");
    const ink = shades(colour);
    const colourAt = channels === 3 ? rgb(image) : (/** @type {number} */ i) => ink(image[i]);
    paintCanvas(canvas, side, side, (i) => (i < rows * side ? colourAt(i) : CLEAR));
    playOf(key)?.setAttribute("aria-label", label);
    const [, button] = element.getElementsByTagName("button");
    button.setAttribute("aria-label", tool.label);
    button.title = tool.label;
    if (tool.pressed !== undefined) button.setAttribute("aria-pressed", String(tool.pressed));
    if (!button.firstChild) button.innerHTML = `<svg viewBox="0 0 24 24"><path d="${PATHS[tool.icon]}"/></svg>`;
    element.getElementsByClassName("picture-caption")[0].replaceChildren(...caption);
  }

  function reach() {
    for (const [key, element] of elements) {
      for (const button of element.getElementsByTagName("button")) button.tabIndex = key === current ? 0 : -1;
    }
  }

  /** @param {string} key */
  function take(key) {
    current = key;
    reach();
    choose(key);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {string} key
   */
  function keyDown(event, key) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const last = elements.size - 1;
    const at = keys().indexOf(key);
    const tops = [...elements.values()].map((element) => element.offsetTop);
    const columns = tops.filter((top) => top === tops[0]).length;
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: last - at };
    if (event.key === "Delete" && removes) {
      event.preventDefault();
      use(key);
    } else if (event.key in moves) {
      event.preventDefault();
      const to = at + moves[event.key];
      if (to < 0 || to > last || to === at) return;
      const next = keys()[to];
      playOf(next)?.focus({ preventScroll: true }); // the page stays where the player is seen
      reveal(/** @type {HTMLLIElement} */ (elements.get(next)));
      take(next);
    }
  }

  // Brings a picture into sight in its strip.
  /** @param {HTMLLIElement} element */
  function reveal({ offsetLeft, clientWidth }) {
    const left = offsetLeft - list.offsetLeft;
    const from = list.scrollLeft;
    if (left < from || left + clientWidth > from + list.clientWidth) {
      list.scrollTo({ left: left - (list.clientWidth - clientWidth) / 2 });
    }
  }

  /**
   * Marks the picture that the player shows.
   * @param {string | null} shown
   */
  function mark(shown) {
    marked = shown;
    for (const [key, element] of elements) {
      element.classList.toggle("is-shown", key === shown);
      if (key === shown) playOf(key)?.setAttribute("aria-current", "true");
      else playOf(key)?.removeAttribute("aria-current");
    }
  }

  return { show, mark };
}
