// What a prepared link hides of the page: `?hide=model,settings`. It helps to look at what matters, and protects nothing.

/**
 * What can be hidden, in the order of the page: its name in a link, in words, and where it is.
 * @type {Record<string, {label: string, at: string}>}
 */
export const PARTS = {
  tasks: { label: "Choice of what is drawn", at: "#task" },
  model: { label: "Choice of the model", at: "#model, #reads" },
  settings: { label: "Settings", at: "[popovertarget=settings]" },
  variations: { label: "Sixteen at once", at: "#sixteen, #variations" },
  along: { label: "Draw along", at: ".pad-along" },
  complete: {
    label: "Complete it",
    at: ".beginning, [popovertarget=photos-begin], .photos h3:has(+ .photos-beginning), .photos-beginning",
  },
  sets: { label: "Ready-made sets", at: "[popovertarget$=-sets], .photos-or, .photos-samples" },
  upload: { label: "Upload", at: "[data-do=upload], [data-do=begin]" },
  reads: { label: "What each pixel read", at: ".player-reads > :not(.guess)" },
  views: { label: "How sure it was", at: ".player-views" },
  guess: { label: "Guess", at: ".guess-start" },
  export: { label: "Save", at: ".save-menu" },
  lessons: { label: "Lessons", at: ".lesson-open" },
  laboratory: { label: "Laboratory", at: "[popovertarget=laboratory]" },
  more: { label: "More, with the laboratory", at: "[popovertarget=more]" },
};

/**
 * @param {string} search  of the page's address
 * @returns {{names: string[], unknown: string[]}} what it hides, and what it says besides
 */
export function hiddenBy(search) {
  const said = (new URLSearchParams(search).get("hide") ?? "").split(",").map((name) => name.trim());
  const all = [...new Set(said)].filter(Boolean);
  const isPart = (/** @type {string} */ name) => Object.hasOwn(PARTS, name);
  return { names: all.filter(isPart), unknown: all.filter((name) => !isPart(name)) };
}

/**
 * Hides parts of the page, also those that come later.
 * @param {string[]} names
 */
export function hide(names) {
  document.body.dataset.hides = names.join(" "); // what the page's style goes by, where room is left
  const style = document.createElement("style");
  style.textContent = names.map((name) => `:is(${PARTS[name].at}) { display: none !important; }`).join("\n");
  document.head.append(style);
}
