// A picture that shows several characters: which of them are taken, or is it one?

import { make, one } from "./dom.js";

/**
 * @param {HTMLElement} root  #pad-sheet
 * @param {object} options
 * @param {(canvas: HTMLCanvasElement, pixels: string) => void} options.paint
 */
export function createSheet(root, { paint }) {
  const some = one(root, "[data-do=takeSome]", HTMLButtonElement);
  /** @type {string[]} */
  let found = []; // the pixels of each
  let whole = ""; // the pixels of all as one
  let room = 0;
  /** @type {Set<number>} */
  let wanted = new Set();
  /** @type {(taken: string[]) => void} */
  let answer = () => {};

  function show() {
    const cards = found.map((pixels, i) => {
      const canvas = make("canvas");
      const card = make("button", { type: "button", ariaPressed: String(wanted.has(i)) }, canvas);
      card.setAttribute("aria-label", `Character ${i + 1} of ${found.length}`);
      card.disabled = !wanted.has(i) && wanted.size >= room;
      card.addEventListener("click", () => {
        if (!wanted.delete(i)) wanted.add(i);
        show();
        /** @type {HTMLElement} */ (one(root, ".pad-sheet-found").children[i]).focus();
      });
      paint(canvas, pixels);
      return card;
    });
    one(root, ".pad-sheet-found").replaceChildren(...cards);
    const all = wanted.size === found.length;
    some.textContent = all
      ? `Take all ${found.length}`
      : `Take ${wanted.size === 1 ? "this one" : `these ${wanted.size}`}`;
    some.disabled = !wanted.size;
  }

  /** @param {string[]} taken */
  function take(taken) {
    answer(taken);
    root.hidePopover();
  }

  some.addEventListener("click", () => take(found.filter((_, i) => wanted.has(i))));
  one(root, "[data-do=takeOne]").addEventListener("click", () => take([whole]));
  root.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "closed") answer([]); // without a choice; after one, it is known
  });

  return {
    /**
     * Asks what is taken of a picture.
     * @param {string[]} sheet  the pixels of each character on it
     * @param {string} pixels  of all as one
     * @param {number} most  of them that can be taken
     * @returns {Promise<string[]>} the pixels of what is taken
     */
    ask(sheet, pixels, most) {
      [found, whole, room] = [sheet, pixels, most];
      wanted = new Set([...sheet.keys()].slice(0, most));
      one(root, "#pad-sheet-title").textContent = `This picture holds ${sheet.length} characters`;
      one(root, ".pad-sheet-said").textContent =
        sheet.length > most
          ? `There is room for ${most}. A click takes one, or leaves it.`
          : "All of them should be the same character. A click leaves one out.";
      paint(one(root, "[data-do=takeOne] canvas", HTMLCanvasElement), pixels);
      show();
      root.showPopover();
      some.focus();
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  };
}
