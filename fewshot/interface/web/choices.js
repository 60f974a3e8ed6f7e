// A group of radios, each labelled with two lines: its name and a sentence. It becomes one row of names, with the
// sentence of the chosen one elsewhere.

/** @param {Element} label */
const linesOf = (label) => String(label.querySelector("span")?.textContent).split("\n");

/**
 * Titles without their last word, if all end with the same: beside each other, it says nothing.
 * @param {string[]} titles
 */
export function shortNames(titles) {
  const last = ` ${titles[0]?.split(" ").at(-1)}`;
  const isShared = titles.every((title) => ` ${title}`.endsWith(last));
  return titles.map((title) => (isShared && title.slice(0, -last.length)) || title);
}

/**
 * Makes one group of radios that were made one by one, and keeps it so when they change: one name, so that arrow keys
 * move in it; a short name on the page (`data-short`, for the style), the whole label for who listens.
 * @param {HTMLElement} root
 * @param {(sentence: string) => void} [say]  is told the sentence of the chosen one
 */
export function joinRadios(root, say = () => {}) {
  const watcher = new MutationObserver(join);

  function join() {
    const labels = [...root.querySelectorAll("label")];
    const titles = labels.map((label) => linesOf(label)[0]);
    const short = shortNames(titles);
    labels.forEach((label, i) => {
      const radio = /** @type {HTMLInputElement} */ (label.querySelector("input"));
      radio.name = root.id;
      radio.setAttribute("aria-label", linesOf(label).join(". "));
      label.dataset.short = short[i];
      label.title = linesOf(label)[1] ?? "";
    });
    const chosen = root.querySelector("label:has(input:checked)");
    if (chosen) say(linesOf(chosen)[1] ?? "");
  }

  root.setAttribute("role", "radiogroup");
  root.setAttribute("aria-label", String(root.querySelector("[data-testid=block-info]")?.textContent));
  root.addEventListener("change", join);
  watcher.observe(root, { childList: true, subtree: true, characterData: true, attributeFilter: ["class"] });
  join();
}
