// On a phone, what is drawn from and what is watched are two views, one tap apart. Elsewhere both are seen at once.

/** @typedef {"draw" | "watch"} View */

/** @param {HTMLElement} root  with a radio for each view */
export function createViews(root) {
  const radios = /** @type {NodeListOf<HTMLInputElement>} */ (root.querySelectorAll("input"));

  /** @param {string} view */
  function show(view) {
    document.body.dataset.view = view; // the page's style goes by it
    for (const radio of radios) radio.checked = radio.value === view;
  }

  for (const radio of radios) radio.addEventListener("change", () => show(radio.value));
  show("draw");
  return { show: /** @type {(view: View) => void} */ (show) };
}
