// On a phone, what is drawn from and what is watched are two views, one tap apart, and Back leads from the second to the
// first. Elsewhere both are seen at once.

/** @typedef {"draw" | "watch"} View */

/** @param {HTMLElement} root  with a radio for each view; out of sight where both are seen */
export function createViews(root) {
  const radios = /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll("input"));

  /** @param {string} view */
  function turn(view) {
    document.body.dataset.view = view; // the page's style goes by it
    for (const radio of radios) radio.checked = radio.value === view;
  }

  /** @param {string} view */
  function show(view) {
    const isNew = view === "watch" && history.state?.view !== view;
    if (isNew && root.checkVisibility()) history.pushState({ view }, "");
    turn(view);
  }

  for (const radio of radios) radio.addEventListener("change", () => show(radio.value));
  window.addEventListener("popstate", ({ state }) => turn(state?.view ?? "draw"));
  turn(history.state?.view ?? "draw");
  return { show: /** @type {(view: View) => void} */ (show) };
}
