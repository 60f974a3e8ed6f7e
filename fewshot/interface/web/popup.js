// A menu of what can be done with one thing on the page, beside it. By mouse, by touch, and with the arrow keys.

import { make } from "./dom.js";

const GAP = 6; // CSS pixels between the menu, what it is of, and the window's edges

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {string} icon  the path of a drawing of 24x24
 * @property {() => void} run
 * @property {boolean} [disabled]
 * @property {boolean} [stays]  the menu stays open: it may be chosen again
 */

/** @param {string} path */
export function makeIcon(path) {
  const icon = make("span");
  icon.innerHTML = `<svg viewBox="0 0 24 24"><path d="${path}"/></svg>`;
  return /** @type {Element} */ (icon.firstElementChild);
}

/**
 * @param {HTMLElement} parent  what the menu is put into
 * @param {() => void} closed  has the focus go on from where it was
 */
export function createMenu(parent, closed) {
  const menu = make("div", { className: "popup", popover: "auto", role: "menu" });
  parent.append(menu);
  const buttons = () => /** @type {HTMLButtonElement[]} */ ([...menu.querySelectorAll("button:enabled")]);

  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    const lost = document.activeElement === document.body || menu.contains(document.activeElement);
    if (lost) closed();
  });
  menu.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const targets = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key === "Tab") menu.hidePopover();
    if (!(event.key in targets)) return;
    event.preventDefault();
    all.at(targets[event.key] % all.length)?.focus();
  });

  /** @param {Element} beside */
  function place(beside) {
    const [box, { offsetWidth: width, offsetHeight: height }] = [beside.getBoundingClientRect(), menu];
    const [right, bottom] = [window.innerWidth - width - GAP, window.innerHeight - height - GAP];
    const below = box.bottom + GAP;
    menu.style.left = `${Math.max(GAP, Math.min(box.left, right))}px`;
    menu.style.top = `${Math.max(GAP, below <= bottom ? below : box.top - height - GAP)}px`;
  }

  return {
    /**
     * @param {Element} beside
     * @param {string} label  of the whole
     * @param {Item[]} items
     */
    open(beside, label, items) {
      menu.setAttribute("aria-label", label);
      menu.replaceChildren(
        ...items.map(({ label: says, icon, run, disabled = false, stays = false }) => {
          const button = make("button", { type: "button", role: "menuitem", disabled }, makeIcon(icon), says);
          button.addEventListener("click", () => {
            if (!stays) menu.hidePopover();
            run();
          });
          return button;
        }),
      );
      menu.showPopover();
      place(beside);
      buttons()[0]?.focus();
    },
  };
}
