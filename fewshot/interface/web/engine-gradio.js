// The engine interface spoken to Gradio, and the page's events as Gradio tells of them. The only file that knows it.
//
// Each part of the page is a component, whose js_on_load calls `mount`. Gradio's buttons and settings call the functions
// at the end, with the values of their inputs.

import { answersIn } from "./codec.js";
import { openDatabase } from "./database.js";
import { one } from "./dom.js";
import { dressPage } from "./dress.js";
import { createLocalEngine } from "./engine-local.js";
import { createLessons } from "./lesson.js";
import { startWorker } from "./local/start.js";
import { createPrepare } from "./prepare.js";
import { takePlace } from "./store.js";
import { createStudio, keptSettings } from "./studio.js";
import { drawingsRead, photographsRead } from "./supports.js";
import { createToWall } from "./to-wall.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./studio.js").Studio} Studio */

/**
 * What Gradio gives to js_on_load.
 * @typedef {object} Part
 * @property {HTMLElement} element
 * @property {any} props
 * @property {Record<string, (wish: any) => Promise<any>>} server
 * @property {(name: string) => void} trigger
 */

const PAGE = Math.random().toString(36).slice(2); // of a page's wishes to draw along, the server keeps the newest
const NO_ANSWER = "The server did not answer. Nothing of yours is lost; please try again.";

// Gradio fetches the code of its own components by and by, so that they may be there later than the parts.
const CONTROLS = ["#task input", "#model input", "#settings input", "#generate", "#sixteen", "#compare .compare"];

/** @type {ReturnType<typeof createLessons>} */
let lessons;

/** @type {Map<string, Part>} */
const parts = new Map();
/** @type {(studio: Studio) => void} */
let begin;
/** @type {Promise<Studio>} */
const whenReady = new Promise((resolve) => {
  begin = resolve;
});

/** @type {import("./engine.js").Recipe | null} */
let recalled = null; // the recipe whose settings are to be shown
let newSeed = 0; // the last one of a picture for which any would do

/**
 * A part of the page is there; with the last of them, the studio begins.
 * @param {string} name
 * @param {Part} part
 */
export async function mount(name, part) {
  parts.set(name, part);
  const [pad, photos, player, variations] = ["pad", "photos", "player", "variations"].map((each) => parts.get(each));
  if (!pad || !photos || !player || !variations) return;
  await Promise.all([takePlace(), whenThere(CONTROLS)]);
  dressPage();
  const root = (/** @type {Part} */ { element }) => one(element, ".part");
  /** @type {import("./engine.js").Facts} */
  const facts = player.props.facts;
  /** @param {number} seed */
  const tellSeed = (seed) => {
    newSeed = seed;
    variations.trigger("input");
  };
  const server = createEngine({ pad, photos, player }, tellSeed);
  const always = facts.engine === "browser";
  const studio = createStudio({
    engine:
      facts.engine === "server"
        ? server
        : createLocalEngine(server, {
            start: startWorker,
            cores: navigator.hardwareConcurrency,
            facts,
            always,
            tellSeed,
          }),
    facts,
    database: openDatabase(),
    roots: {
      pad: root(pad),
      photos: root(photos),
      player: root(player),
      variations: root(variations),
      views: one(document, "#views"),
      compare: one(document, "#compare .compare"),
    },
    stop: one(document, "#stop", HTMLButtonElement),
    sets: pad.props.sets,
    example: player.props.value,
    choose(recipe) {
      recalled = recipe;
      variations.trigger("submit");
    },
  });
  lessons = createLessons(studio, fetchLessons);
  lessons.then(({ list }) =>
    createPrepare(one(document, "#prepare"), { lessons: list, project: () => studio.project }),
  );
  createToWall(one(document, "#to-wall"), studio);
  Object.assign(window, { studio }); // for the console, and for tests
  begin(studio);
}

/**
 * Resolves once the page has all of these.
 * @param {string[]} selectors
 */
function whenThere(selectors) {
  return new Promise((resolve) => {
    const watcher = new MutationObserver(look);
    function look() {
      if (!selectors.every((selector) => document.querySelector(selector))) return;
      watcher.disconnect();
      resolve(null);
    }
    watcher.observe(document.body, { childList: true, subtree: true });
    look();
  });
}

/**
 * @param {string} languages  that the reader wants
 * @returns {Promise<import("./lesson.js").Content>}
 */
async function fetchLessons(languages) {
  const answer = await fetch(new URL(`studio-lessons?lang=${encodeURIComponent(languages)}`, document.baseURI));
  return answer.json();
}

/**
 * @param {Record<"pad" | "photos" | "player", Part>} parts
 * @param {(seed: number) => void} tellSeed  is told of a picture's seed that nobody chose
 * @returns {Engine}
 */
function createEngine({ pad, photos, player }, tellSeed) {
  const { tasks } = /** @type {import("./engine.js").Facts} */ (player.props.facts);
  return {
    async preview(task, given) {
      const answer = tasks[task].drawn ? pad.server.preview(given) : photos.server.preview_photo({ task, ...given });
      return (await answer.catch(() => null)) ?? { error: NO_ANSWER };
    },

    async trace(task, { pixels }) {
      return (await pad.server.trace({ task, pixels }).catch(() => null)) ?? { error: NO_ANSWER };
    },

    async *generate(drawings, photographs, settings, wanted) {
      const wish = { ...wishOf({ drawings, photographs, settings }), model: settings.model };
      let told = !settings.fresh;
      for await (const chunk of answersOf("draw", wish, wanted)) {
        if (!told && "seed" in chunk) tellSeed(chunk.seed);
        told = true;
        yield chunk;
      }
    },

    variations: (recipe, samples) =>
      answersOf("variations", { ...wishOf(recipe), model: recipe.settings.model, samples }),
    compare: (recipe, models) => answersOf("compare", { ...wishOf(recipe), models }),
    score: (recipe, models, drawing) => answersOf("score", { ...wishOf(recipe), models, drawing }),
    recognise: (recipe, models, drawing, sets) => answersOf("recognise", { ...wishOf(recipe), models, drawing, sets }),

    async along(drawings, settings) {
      let answer = null;
      const wish = { ...drawingsRead(drawings), ...settings, page: PAGE };
      for await (answer of answersIn(await send("along", wish))); // to its end: so one is under way at a time
      return answer;
    },
    influence: (wish) => player.server.influence(wish),

    async takeHome(wish) {
      const address = new URL("take-home", document.baseURI);
      const ofMany = "recipe" in wish && { ...wishOf(wish.recipe), model: wish.recipe.settings.model };
      const asked = ofMany ? { format: wish.format, samples: wish.samples, ...ofMany } : wish;
      const answer = await fetch(address, { method: "POST", body: JSON.stringify(asked) }).catch(() => null);
      if (!answer) return { error: NO_ANSWER };
      if (!answer.ok) return answer.json().catch(() => ({ error: NO_ANSWER }));
      const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "picture";
      return { name: decodeURIComponent(name), blob: await answer.blob() };
    },

    async openProject(project) {
      return (await player.server.open_project(project).catch(() => null)) ?? { error: NO_ANSWER };
    },
  };
}

/**
 * A recipe in the words of the server, which leaves out what it does not need.
 * @param {Pick<import("./engine.js").Recipe, "drawings" | "photographs" | "settings">} recipe
 */
function wishOf({ drawings, photographs, settings: { guidance, temperature, seed, inner_steps, fresh } }) {
  const [pad, tray] = [drawingsRead(drawings), photographsRead(photographs)];
  return { guidance, temperature, seed: fresh ? null : seed, inner_steps, pad, tray };
}

/**
 * The answer to a wish; rejected if there is none.
 * @param {string} path
 * @param {object} wish
 * @param {AbortSignal} [signal]  aborted when it is not wanted any more
 */
async function send(path, wish, signal) {
  const headers = { "Content-Type": "application/json" };
  const asked = { method: "POST", headers, body: JSON.stringify(wish), signal };
  const answer = await fetch(new URL(path, document.baseURI), asked);
  if (!answer.ok || !answer.body) throw new Error(NO_ANSWER);
  return answer.body;
}

/**
 * The answers to a wish, each as soon as it comes. Who stops reading has the server stop.
 * @param {string} path
 * @param {object} wish
 * @param {AbortSignal} [wanted]  aborted when no more are
 * @returns {AsyncGenerator<any>}
 */
async function* answersOf(path, wish, wanted) {
  const stop = new AbortController();
  const halt = () => stop.abort();
  wanted?.addEventListener("abort", halt);
  try {
    yield* answersIn(await send(path, wish, stop.signal));
  } catch {
    if (!wanted?.aborted) yield { error: NO_ANSWER };
  } finally {
    wanted?.removeEventListener("abort", halt);
    halt();
  }
}

// What Gradio's events call, each with the values of its inputs -----------------------------------------------------------

/** @typedef {[string, number, number, number, number, boolean]} Values  of the settings */

/**
 * @param {Values} values
 * @returns {Settings}
 */
const settingsOf = ([model, guidance, temperature, seed, inner_steps, fresh]) => ({
  model,
  guidance,
  temperature,
  seed,
  inner_steps,
  fresh,
});

/** Task and settings of the last visit, for Gradio's components. */
export async function kept() {
  await whenReady;
  return [keptSettings()];
}

/** @type {(task: string, ...values: Values) => Promise<void>} */
export async function open(task, ...values) {
  (await whenReady).open(task, settingsOf(values));
  (await lessons).open();
}

/** @param {Values} values */
export const know = async (...values) => (await whenReady).know(settingsOf(values));

/** @param {Values} values */
export const follow = async (...values) => (await whenReady).follow(settingsOf(values));

/** @param {Values} values */
export const showTask = async (...values) => (await whenReady).showTask(settingsOf(values));

/** @param {Values} values */
export const showModel = async (...values) => (await whenReady).showModel(settingsOf(values));

/** @param {Values} values */
export const press = async (...values) => (await whenReady).press(settingsOf(values));

/** @param {Values} values */
export const vary = async (...values) => (await whenReady).vary(settingsOf(values));

/** The task and the settings of the recipe that was recalled. */
export function chosen() {
  return [recalled && { task: recalled.task, ...recalled.settings }];
}

/** The seed of the last picture for which any would do. */
export const seed = () => newSeed;

/** @param {string} task */
export async function turn(task) {
  (await whenReady).turn(task);
  return task;
}
