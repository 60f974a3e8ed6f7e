// The line on the pad: what is drawn above it is the beginning of the machine's picture, which it completes.

import { make } from "./dom.js";

const PAGE = 5; // rows that the page keys move it

/**
 * @param {HTMLElement} paper  what lies under the line
 * @param {HTMLElement} above  what the switch goes below
 * @param {object} options
 * @param {number} options.side  rows of a picture
 * @param {() => number} options.lowest  the row below the lowest that is drawn on
 * @param {() => void} options.changed
 */
export function createBeginning(paper, above, { side, lowest, changed }) {
  /** @type {number | null} */
  let rows = null; // that are given; null if nothing is
  const toggle = make("input", { type: "checkbox" });
  toggle.setAttribute("role", "switch");
  const label = make("label", { className: "beginning" }, toggle, " Complete it ");
  label.title = "What is above the line stays, and the machine draws the rest";
  const handle = make("span", { tabIndex: 0 });
  handle.innerHTML = '<svg viewBox="0 0 24 24"><path d="M8 10l4-4 4 4M8 14l4 4 4-4"/></svg>';
  handle.setAttribute("role", "slider");
  handle.setAttribute("aria-label", "Rows of your drawing that are given");
  handle.setAttribute("aria-orientation", "vertical");
  handle.setAttribute("aria-valuemin", "1");
  handle.setAttribute("aria-valuemax", String(side - 1));
  const line = make("div", { className: "beginning-line" }, handle);
  const rest = make("div", { className: "beginning-rest" });
  above.after(label);
  paper.append(rest, line);

  function show() {
    toggle.checked = rows !== null;
    line.hidden = rest.hidden = rows === null;
    const share = `${(100 * (rows ?? 0)) / side}%`;
    line.style.top = rest.style.top = share;
    handle.setAttribute("aria-valuenow", String(rows ?? 1));
    handle.setAttribute("aria-valuetext", `the first ${rows} of ${side} rows`);
  }

  /** @param {number | null} to */
  function move(to) {
    const next = to === null ? null : Math.max(1, Math.min(side - 1, Math.round(to)));
    if (next === rows) return;
    rows = next;
    show();
    changed();
  }

  toggle.addEventListener("change", () => move(toggle.checked ? lowest() || side / 2 : null));
  handle.addEventListener("keydown", (event) => {
    if (rows === null) return;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowUp: rows - 1,
      ArrowDown: rows + 1,
      PageUp: rows - PAGE,
      PageDown: rows + PAGE,
      Home: 1,
      End: side - 1,
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    move(targets[event.key]);
  });
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    event.stopPropagation(); // it draws nothing
    handle.focus();
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = paper.getBoundingClientRect();
    move(((event.clientY - box.top) / box.height) * side);
  });
  show();

  return {
    get rows() {
      return rows;
    },
    /**
     * What was kept.
     * @param {unknown} kept
     */
    recall(kept) {
      rows = Number.isInteger(kept) && Number(kept) >= 1 && Number(kept) < side ? Number(kept) : null;
      show();
    },
  };
}
