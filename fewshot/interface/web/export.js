// The menu "Save": the picture as files of many kinds, and the whole page as a project file or a link.

import { packImages } from "./codec.js";
import { make } from "./dom.js";
import { toFragment } from "./project.js";
import { supportsOf } from "./run.js";
import { readOf } from "./supports.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./engine.js").FileWish} FileWish */

const LONG = 12_000; // milliseconds that a sentence stays
const MOST_OF_A_PROJECT = 1_000_000; // bytes of a project file

/**
 * @param {HTMLElement} place
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./engine.js").Facts["formats"]} options.formats
 * @param {() => Run | null} options.shown  the picture on the page
 * @param {() => import("./batch.js").Batch | undefined} options.batch  its variations
 * @param {() => import("./engine.js").Project | null} options.project  the page as it is; null before it is complete
 * @param {(project: unknown) => Promise<string | undefined>} options.open  promises a sentence if it cannot be opened
 */
export function createExport(place, { engine, formats, shown, batch, project, open }) {
  const said = make("p", { className: "save-said" });
  said.setAttribute("role", "status");
  const list = make("div", { className: "save-list" });
  const summary = make("summary", {}, "Save");
  const menu = make("details", { className: "save-menu" }, summary, list);
  const file = make("input", { type: "file", accept: ".json,application/json", hidden: true });
  file.setAttribute("aria-label", "Project file to open");
  place.classList.add("part", "save");
  place.replaceChildren(menu, said, file);

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let fades;

  /**
   * @param {string} sentence
   * @param {boolean} isUnderWay  then it stays until the next one
   */
  function say(sentence, isUnderWay = false) {
    said.textContent = sentence;
    clearTimeout(fades);
    if (!isUnderWay) fades = setTimeout(() => said.replaceChildren(), LONG);
  }

  /** @param {boolean} toFocus */
  function close(toFocus) {
    menu.open = false;
    if (toFocus) summary.focus();
  }

  /**
   * @param {string} label
   * @param {() => Promise<string>} action  promises what to say of it
   */
  function item(label, action) {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", async () => {
      close(true);
      say("Saving…", true);
      say(await action());
    });
    return button;
  }

  /** @param {import("./engine.js").Facts["formats"][number]} format */
  async function save({ key, several }) {
    const [run, its] = [shown(), batch()];
    const wish = several
      ? its && { format: key, recipe: its.recipe, samples: its.pictures.length }
      : run && { format: key, ...recipeOf(run) };
    if (!wish) return "There is no picture yet.";
    const answer = await engine.takeHome(wish);
    if ("error" in answer) return answer.error;
    download(answer.name, answer.blob);
    return `Saved ${answer.name}.`;
  }

  async function saveProject() {
    const now = project();
    if (!now) return "The page is not complete yet.";
    const name = `${now.model}-${readOf(now.supports, now.shots).length}-seed-${now.settings.seed}.json`;
    download(name, new Blob([JSON.stringify(now, null, 1)], { type: "application/json" }));
    return `Saved ${name}.`;
  }

  async function copyLink() {
    const now = project();
    if (!now) return "The page is not complete yet.";
    const fragment = await toFragment(now);
    if (typeof fragment !== "string") return fragment.error;
    const link = location.href.replace(/#.*$/, "") + fragment;
    try {
      await navigator.clipboard.writeText(link);
      const where = location.protocol === "file:" ? " It opens where this file lies: send the file, too." : "";
      return `The link is copied: to what is read, the settings and this picture, not to variations and shelf.${where}`;
    } catch {
      window.prompt("Copy this link:", link);
      return "";
    }
  }

  async function openFile() {
    const [chosen] = file.files ?? [];
    file.value = ""; // the same file may be chosen again
    if (!chosen) return;
    say(`Reading ${chosen.name}…`);
    say((await readProject(chosen).then(open)) ?? `Opened ${chosen.name}.`);
  }

  function fill() {
    const [run, its] = [shown(), batch()];
    const files = formats.filter(
      ({ in_colour, several }) => (in_colour || run?.channels === 1) && (!several || (its?.pictures.length ?? 0) > 1),
    );
    const opener = make("button", { type: "button" }, "Open a project file…");
    opener.addEventListener("click", () => {
      close(true);
      file.click();
    });
    list.replaceChildren(
      ...files.map((format) => item(format.label, () => save(format))),
      make("hr"),
      item("Project file (JSON)", saveProject),
      opener,
      item("Copy a link to all this", copyLink),
    );
  }

  menu.addEventListener("toggle", () => menu.open && fill());
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close(true);
  });
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(/** @type {Node} */ (relatedTarget))) close(false);
  });
  document.addEventListener("pointerdown", ({ target }) => menu.contains(/** @type {Node} */ (target)) || close(false));
  file.addEventListener("change", openFile);
  return { say };
}

/**
 * What the engine needs to draw a picture again, whole, also if it is not finished yet.
 * @param {Run} run
 * @returns {Omit<FileWish, "format">}
 */
export function recipeOf(run) {
  const { model, seed, temperature, guidance, cut, channels, pixels, shots, given, support_nats } = run;
  const all = supportsOf(run);
  const size = pixels * channels;
  return {
    model,
    supports: Array.from({ length: shots }, (_, s) => ({
      pixels: packImages(all.subarray(s * size, (s + 1) * size), channels),
    })),
    beginning: given ? { pixels: packImages(run.image, channels), rows: given } : null,
    seed,
    temperature,
    guidance,
    cut,
    inner_steps: support_nats ? support_nats.length - 1 : null,
  };
}

/**
 * @param {File} file
 * @returns {Promise<unknown>} what it holds, or {error}
 */
async function readProject(file) {
  if (file.size > MOST_OF_A_PROJECT) return { error: "This file is too large for a project of the studio." };
  try {
    return JSON.parse(await file.text());
  } catch {
    return { error: "This is no project of the studio." };
  }
}

/**
 * @param {string} name
 * @param {Blob} blob
 */
export function download(name, blob) {
  const href = URL.createObjectURL(blob);
  make("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser may still be reading it
}
