// The shelf: pictures that were kept, each with all that it takes to draw it again. All tabs share it.

import { make, one } from "./dom.js";
import { createGallery } from "./gallery.js";
import { createHistory } from "./history.js";
import { colourOf } from "./painting.js";
import { ofThisTab } from "./store.js";
import { createStatus } from "./tray.js";

/** @typedef {ReturnType<typeof createShelf>} Shelf */

const HELP = "A click brings picture and recipe back.";
const CHANNEL = "fewshot-studio-shelf"; // by which tabs tell each other of changes

/**
 * @typedef {object} Kept
 * @property {string} key  of the recipe
 * @property {import("./engine.js").Recipe} recipe
 * @property {string} title  of the model
 * @property {number} side
 * @property {number} channels
 * @property {Uint8Array} image  [pixels, channels]
 * @property {number | null} fit
 * @property {number} [at]  when it was kept, in milliseconds
 */

/**
 * @param {HTMLElement} root  .shelf of variations.html
 * @param {object} options
 * @param {import("./database.js").Database} options.database
 * @param {(recipe: import("./engine.js").Recipe) => void} options.recall  brings recipe and picture back
 */
export function createShelf(root, { database, recall }) {
  const status = createStatus(one(root, ".shelf-status"));
  const history = /** @type {ReturnType<typeof createHistory<Kept>>} */ (createHistory(ofThisTab("shelf"), database));
  const others = new BroadcastChannel(CHANNEL);
  /** @type {Set<() => void>} */
  const listeners = new Set();
  /** @type {Map<string, Kept>} */
  let kept = new Map();
  const gallery = createGallery(one(root, ".shelf-strip"), {
    choose: (key) => recall(/** @type {Kept} */ (kept.get(key)).recipe),
    use: (key) => toggle(/** @type {Kept} */ (kept.get(key))),
    ink: () => colourOf("--ink"),
    removes: true,
  });

  const newestFirst = () => [...kept.values()].sort((a, b) => Number(b.at) - Number(a.at));

  function show() {
    const all = newestFirst();
    root.hidden = !all.length && !history.last;
    one(root, ".shelf-count").textContent = all.length ? String(all.length) : "";
    gallery.show(
      all.map(({ key, recipe, title, image, side, channels }) => ({
        key,
        image,
        side,
        channels,
        rows: side,
        label: `Kept picture by ${title}, chance number ${recipe.settings.seed}`,
        caption: [make("span", { title }, String(recipe.settings.seed))],
        tool: { icon: "remove", label: "Take off the shelf" },
      })),
    );
    for (const listener of listeners) listener();
  }

  /** @param {string} sentence */
  function say(sentence) {
    status.say(sentence, history.last ? undo : null);
  }

  /** @param {Kept} picture */
  async function put(picture) {
    kept.set(picture.key, picture);
    show();
    await database.put("shelf", picture.key, picture);
    others.postMessage(null);
  }

  /** @param {Kept} picture  is put on the shelf, or taken off it */
  async function toggle(picture) {
    const there = kept.get(picture.key);
    if (!there) {
      await put({ ...picture, at: Date.now() });
      return say(`Kept in this browser. ${HELP}`);
    }
    kept.delete(picture.key);
    history.add("Took a picture off the shelf.", there);
    show();
    say("Took it off the shelf.");
    await database.remove("shelf", picture.key);
    others.postMessage(null);
  }

  function undo() {
    const entry = history.undo();
    if (!entry) return;
    put(entry.before);
    say("The picture is back on the shelf.");
  }

  async function load() {
    const all = /** @type {Kept[]} */ (await database.all("shelf"));
    kept = new Map(all.map((picture) => [picture.key, picture]));
    show();
  }

  others.onmessage = load;
  load();
  history.load().then(() => {
    say(history.last ?? HELP);
    show();
  });
  new MutationObserver(show).observe(document.body, { attributeFilter: ["class"] }); // light and dark

  return {
    toggle,
    /** What is on it, the newest first. */
    get kept() {
      return newestFirst();
    },
    /** @param {string} key  of a recipe */
    has: (key) => kept.has(key),
    /**
     * Tells of each change.
     * @param {() => void} listener
     */
    subscribe(listener) {
      listeners.add(listener);
    },
  };
}
