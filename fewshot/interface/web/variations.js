// Many pictures of one recipe: drawn at once, as a strip or a grid. A click plays one, a star puts it on the shelf.

import { addChunk, beginBatch, nameOf, ordered, withSeed } from "./batch.js";
import { make, one } from "./dom.js";
import { createGallery } from "./gallery.js";
import { createHistory } from "./history.js";
import { colourOf } from "./painting.js";
import { ofThisTab } from "./store.js";
import { createStatus } from "./tray.js";

/** @typedef {import("./batch.js").Batch} Batch */
/** @typedef {import("./engine.js").Recipe} Recipe */

const SAMPLES = 16; // of one click
const MOST = 64; // of one recipe

/**
 * @param {HTMLElement} root  variations.html
 * @param {object} options
 * @param {import("./engine.js").Engine} options.engine
 * @param {import("./database.js").Database} options.database
 * @param {import("./shelf.js").Shelf} options.shelf
 * @param {(recipe: Recipe) => void} options.play  shows how a picture is drawn
 */
export function createVariations(root, { engine, database, shelf, play }) {
  const status = createStatus(one(root, ".variations-status"));
  const gallery = createGallery(one(root, ".variations-strip"), {
    choose: (key) => play(recipeOf(Number(key))),
    use: star,
    ink: () => colourOf("--ink"),
  });
  /** @type {Map<string, ReturnType<typeof createHistory<Batch>>>} */
  const histories = new Map(); // by task
  /** @type {Map<string, Batch>} */
  const batches = new Map(); // by task
  let task = "";
  /** @type {import("./batch.js").Order} */
  let order = "seed";
  let asked = 0; // answers that were asked for; all but the last come too late
  let drawing = false;
  /** @type {Recipe | null} */
  let watched = null; // the recipe of the picture that the player shows, if it was drawn before

  const batch = () => batches.get(task);
  const pictures = () => batch()?.pictures ?? [];
  const button = (/** @type {string} */ name) => one(root, `[data-do=${name}]`, HTMLButtonElement);
  const count = (/** @type {number} */ n) => `${n} variation${n === 1 ? "" : "s"}`;

  /** @param {number} seed */
  const recipeOf = (seed) => withSeed(/** @type {Batch} */ (batch()).recipe, seed);

  /** @param {string} of */
  function historyOf(of) {
    const known = histories.get(of);
    if (known) return known;
    const made = /** @type {ReturnType<typeof createHistory<Batch>>} */ (
      createHistory(ofThisTab(`variations-${of}`), database)
    );
    histories.set(of, made);
    return made;
  }

  // Marks the picture that the player shows, if it is one of these.
  function mark() {
    const its = batch();
    const isOne = watched && its && nameOf(withSeed(watched, 0)) === nameOf(withSeed(its.recipe, 0));
    gallery.mark(isOne ? String(watched?.settings.seed) : null);
  }

  // Drawing --------------------------------------------------------------------------------------------------------

  /**
   * Draws variations in place of those that are there.
   * @param {Recipe} recipe  of the first
   */
  async function draw(recipe) {
    const comeIntoSight = () => one(root, ".variations").scrollIntoView({ block: "nearest" });
    comeIntoSight();
    await receive(recipe, SAMPLES, (chunk) => {
      const old = batches.get(recipe.task);
      if (old) historyOf(recipe.task).add("Drew other variations.", old);
      batches.set(recipe.task, beginBatch(recipe, chunk));
      gallery.mark(null);
      requestAnimationFrame(comeIntoSight); // now it is as high as its pictures
    });
  }

  /** Draws further ones of the same recipe. */
  async function more() {
    const { recipe, pictures: drawn } = /** @type {Batch} */ (batch());
    const next = withSeed(recipe, recipe.settings.seed + drawn.length);
    await receive(next, Math.min(SAMPLES, MOST - drawn.length), () => {});
  }

  /**
   * @param {Recipe} recipe
   * @param {number} samples
   * @param {(first: import("./engine.js").VariationsChunk) => void} begin  makes room for them
   */
  async function receive(recipe, samples, begin) {
    const mine = ++asked;
    let begun = false;
    drawing = true;
    say(`Drawing ${count(samples)}…`);
    show();
    for await (const chunk of engine.variations(recipe, samples)) {
      if (mine !== asked) return;
      if ("error" in chunk) {
        drawing = false;
        say(chunk.error, true);
        return show();
      }
      if (!begun) begin(chunk);
      begun = true;
      const its = /** @type {Batch} */ (batches.get(recipe.task));
      addChunk(its, chunk);
      if (chunk.rows === its.side && drawing) {
        drawing = false;
        say(`${count(its.pictures.length)}: click one to watch it.`);
      }
      show();
    }
    database.put("batches", ofThisTab(recipe.task), batches.get(recipe.task));
  }

  function undo() {
    const entry = historyOf(task).undo();
    if (!entry) return;
    asked++;
    drawing = false;
    batches.set(task, entry.before);
    database.put("batches", ofThisTab(task), entry.before);
    say("Your variations are back.");
    show();
  }

  /**
   * @param {string} sentence
   * @param {boolean} isError
   */
  function say(sentence, isError = false) {
    status.say(sentence, historyOf(task).last ? undo : null);
    one(root, ".variations-status").classList.toggle("is-error", isError);
    takeRoom();
  }

  // What is shown --------------------------------------------------------------------------------------------------

  /** @param {number} nats */
  const signed = (nats) => `${nats < 0 ? "\u2212" : "+"}${Math.abs(nats).toFixed(0)}`;

  function show() {
    const its = batch();
    const all = pictures();
    gallery.show(
      ordered(all, order).map(({ seed, image, rows, fit }) => {
        const kept = shelf.has(nameOf(recipeOf(seed)));
        const fits = fit === null ? "" : `, fit ${signed(fit)}`;
        return {
          key: String(seed),
          image,
          rows,
          side: Number(its?.side),
          channels: Number(its?.channels),
          label: `Variation with chance number ${seed}${fits}${kept ? ", kept" : ""}`,
          caption: fit === null ? [String(seed)] : [`${seed} `, make("b", { title: "Fit, in nats" }, signed(fit))],
          tool: { icon: "star", label: "Keep on the shelf", pressed: kept },
        };
      }),
    );
    const fits = all.length > 0 && all.every(({ fit }) => fit !== null);
    one(root, ".variations-order").hidden = one(root, ".variations-hint").hidden = !fits;
    button("more").hidden = drawing || !all.length || all.length >= MOST;
    button("unfold").hidden = !all.length;
    takeRoom();
  }

  // The page gives this part room only while there is something in it. A class says so, as a :has() of the page's root
  // would have all of it styled anew at each change of a text.
  function takeRoom() {
    const isError = one(root, ".variations-status").classList.contains("is-error");
    document.body.classList.toggle("has-variations", isError || pictures().length + shelf.kept.length > 0);
  }

  /** @param {string} key */
  function star(key) {
    const its = batch();
    const picture = pictures().find(({ seed }) => seed === Number(key));
    if (!its || !picture || picture.rows < its.side) return;
    const { title, side, channels } = its;
    const recipe = recipeOf(picture.seed);
    shelf.toggle({ key: nameOf(recipe), recipe, title, side, channels, image: picture.image, fit: picture.fit });
  }

  function unfold() {
    const isUnfolded = one(root, ".variations-strip").classList.toggle("is-unfolded");
    button("unfold").textContent = isUnfolded ? "Show as a strip" : "Show all";
    button("unfold").setAttribute("aria-expanded", String(isUnfolded));
  }

  button("more").addEventListener("click", more);
  button("unfold").addEventListener("click", unfold);
  const orders = one(root, ".variations-order", HTMLSelectElement);
  orders.addEventListener("change", () => {
    order = orders.value === "fit" ? "fit" : "seed";
    show();
  });
  shelf.subscribe(show);
  new MutationObserver(show).observe(document.body, { attributeFilter: ["class"] }); // light and dark

  return {
    draw,
    /** @param {Recipe | null} recipe  of the picture that the player shows, if it was drawn before */
    mark(recipe) {
      watched = recipe;
      mark();
    },
    /**
     * Shows the variations of a task.
     * @param {string} to
     */
    async turn(to) {
      const left = batch();
      if (left && drawing) {
        left.pictures = left.pictures.filter(({ rows }) => rows === left.side);
        if (!left.pictures.length) batches.delete(task); // those that were there before are in the database
      }
      task = to;
      asked++;
      drawing = false;
      const before = asked;
      const kept = batches.has(to) ? undefined : await database.get("batches", ofThisTab(to));
      await historyOf(to).load();
      if (before !== asked || task !== to) return;
      if (kept) batches.set(to, kept);
      say(pictures().length ? `${count(pictures().length)}: click one to watch it.` : "");
      show();
      mark();
    },
    get batch() {
      return batch();
    },
  };
}
