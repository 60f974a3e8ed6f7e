// What opens beside one thing on the page: a menu of what can be done with it, by mouse, by touch and with the arrow
// keys; and what a "?" says.

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
 * @param {HTMLElement} popup  that is open
 * @param {Element} beside
 */
function place(popup, beside) {
  const [box, { offsetWidth: width, offsetHeight: height }] = [beside.getBoundingClientRect(), popup];
  const [right, bottom] = [window.innerWidth - width - GAP, window.innerHeight - height - GAP];
  const below = box.bottom + GAP;
  popup.style.left = `${Math.max(GAP, Math.min(box.left, right))}px`;
  popup.style.top = `${Math.max(GAP, below <= bottom ? below : box.top - height - GAP)}px`;
}

/** Has each "?" of the page say its title when it is pressed: a finger has no other way to read it. */
export function createHints() {
  const says = make("p", { className: "popup hint-says", popover: "auto" });
  document.body.append(says);
  document.addEventListener("click", ({ target }) => {
    const hint = target instanceof Element && target.closest("button.hint:not([popovertarget])");
    if (!(hint instanceof HTMLElement)) return;
    says.textContent = hint.title;
    says.showPopover();
    place(says, hint);
  });
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
      place(menu, beside);
      buttons()[0]?.focus();
    },
  };
}
