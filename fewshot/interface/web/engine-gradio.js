// The engine interface spoken to Gradio, and the page's events as Gradio tells of them. The only file that knows it.
//
// Each part of the page is a component, whose js_on_load calls `mount`. Gradio's buttons and settings call the functions
// at the end, with the values of their inputs.

import { linesOf } from "./codec.js";
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
/** @typedef {import("./engine.js").Chunk} Chunk */
/** @typedef {import("./studio.js").Studio} Studio */

/**
 * What Gradio gives to js_on_load.
 * @typedef {object} Part
 * @property {HTMLElement} element
 * @property {any} props
 * @property {Record<string, (wish: any) => Promise<any>>} server
 * @property {(name: string) => void} trigger
 * @property {(prop: string, changed: () => void) => void} watch
 */

const SOON = 50; // milliseconds until a cancelled picture ends no more...
const SURELY = 1000; // ... at most: one that had just ended is not cancelled
const ASK = 2000; // milliseconds between two looks whether the server is still there, while it draws
const PAGE = Math.random().toString(36).slice(2); // of a page's wishes to draw along, the server keeps the newest
const NO_ANSWER = "The server did not answer. Nothing of yours is lost; please try again.";

/** @type {ReturnType<typeof createPicture> | null} */
let picture = null; // the last that was asked for
/** @type {Promise<unknown>} */
let cancelled = Promise.resolve();
let tellCancelled = () => {};
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
let newSeed = 0; // the last one of a picture that the browser drew

/**
 * A part of the page is there; with the last of them, the studio begins.
 * @param {string} name
 * @param {Part} part
 */
export async function mount(name, part) {
  parts.set(name, part);
  const [pad, photos, player, variations] = ["pad", "photos", "player", "variations"].map((each) => parts.get(each));
  if (!pad || !photos || !player || !variations) return;
  await takePlace();
  dressPage();
  const root = (/** @type {Part} */ { element }) => one(element, ".part");
  /** @type {import("./engine.js").Facts} */
  const facts = player.props.facts;
  const server = createEngine({ pad, photos, player });
  const studio = createStudio({
    engine: facts.engine === "server" ? server : beside(server, player, facts),
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
 * @param {string} languages  that the reader wants
 * @returns {Promise<import("./lesson.js").Content>}
 */
async function fetchLessons(languages) {
  const answer = await fetch(new URL(`studio-lessons?lang=${encodeURIComponent(languages)}`, document.baseURI));
  return answer.json();
}

/**
 * @param {Record<"pad" | "photos" | "player", Part>} parts
 * @returns {Engine}
 */
function createEngine({ pad, photos, player }) {
  const { tasks } = /** @type {import("./engine.js").Facts} */ (player.props.facts);
  player.watch("value", () => picture?.push(player.props.value));
  return {
    async preview(task, given) {
      const answer = tasks[task].drawn ? pad.server.preview(given) : photos.server.preview_photo({ task, ...given });
      return (await answer.catch(() => null)) ?? { error: NO_ANSWER };
    },

    async trace(task, { pixels }) {
      return (await pad.server.trace({ task, pixels }).catch(() => null)) ?? { error: NO_ANSWER };
    },

    // The player's "submit" is what Gradio listens to: it asks for `values`, and says by `ended` that no more will come.
    async *generate(drawings, photographs, { model, guidance, temperature, seed, inner_steps, fresh }) {
      await cancelled;
      const before = player.props.value.id;
      const read = [drawingsRead(drawings), photographsRead(photographs)];
      picture = createPicture([...read, model, guidance, temperature, seed, inner_steps, fresh]);
      const its = picture;
      player.trigger("submit");
      const watch = setInterval(async () => {
        if (await isThere()) return;
        its.push({ error: NO_ANSWER });
        its.close();
      }, ASK);
      let rows = 0;
      try {
        for await (const chunk of its.chunks()) {
          if (chunk.id === before) continue; // of the picture before, late
          if ("error" in chunk) yield chunk;
          else if (chunk.rows > rows) yield fetched(chunk); // the last one comes twice
          rows = chunk.rows;
        }
      } finally {
        clearInterval(watch);
      }
    },

    variations: (recipe, samples) =>
      answersOf("variations", { ...wishOf(recipe), model: recipe.settings.model, samples }),
    compare: (recipe, models) => chunksOf("compare", { ...wishOf(recipe), models }),
    score: (recipe, models, drawing) => chunksOf("score", { ...wishOf(recipe), models, drawing }),
    recognise: (recipe, models, drawing, sets) => answersOf("recognise", { ...wishOf(recipe), models, drawing, sets }),

    along: (drawings, settings) => pad.server.draw_along({ ...drawingsRead(drawings), ...settings, page: PAGE }),
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
 * The engine of the browser, beside the server's.
 * @param {Engine} server
 * @param {Part} player
 * @param {import("./engine.js").Facts} facts
 */
function beside(server, player, facts) {
  return createLocalEngine(server, {
    start: startWorker,
    facts,
    always: facts.engine === "browser",
    tellSeed(seed) {
      newSeed = seed;
      player.trigger("input");
    },
  });
}

// Gradio does not tell when the server is gone.
const isThere = () =>
  fetch(new URL("studio-web/icon.svg", document.baseURI), { method: "HEAD", cache: "no-store" }).then(
    () => true,
    () => false,
  );

/**
 * A picture that was asked for: what with, and its chunks as they come.
 * @param {unknown[]} values  of Gradio's inputs
 */
function createPicture(values) {
  /** @type {any[]} */
  const waiting = [];
  let open = true;
  let wake = () => {};
  return {
    values,
    /** @param {unknown} chunk */
    push(chunk) {
      waiting.push(chunk);
      wake();
    },
    close() {
      open = false;
      wake();
    },
    async *chunks() {
      for (;;) {
        while (waiting.length) yield waiting.shift();
        if (!open) return;
        await new Promise((resolve) => {
          wake = () => resolve(null);
        });
      }
    },
  };
}

/**
 * A recipe in the words of the server, which leaves out what it does not need.
 * @param {import("./engine.js").Recipe} recipe
 */
function wishOf({ drawings, photographs, settings: { guidance, temperature, seed, inner_steps, fresh } }) {
  const [pad, tray] = [drawingsRead(drawings), photographsRead(photographs)];
  return { guidance, temperature, seed: fresh ? null : seed, inner_steps, pad, tray };
}

/**
 * The answers to a wish, each as soon as it comes. Who stops reading has the server stop.
 * @param {string} path
 * @param {object} wish
 * @returns {AsyncGenerator<any>}
 */
async function* answersOf(path, wish) {
  const stop = new AbortController();
  try {
    const headers = { "Content-Type": "application/json" };
    const asked = { method: "POST", headers, body: JSON.stringify(wish), signal: stop.signal };
    const answer = await fetch(new URL(path, document.baseURI), asked);
    if (!answer.ok || !answer.body) yield { error: NO_ANSWER };
    else for await (const line of linesOf(answer.body)) yield JSON.parse(line);
  } catch {
    yield { error: NO_ANSWER };
  } finally {
    stop.abort();
  }
}

/**
 * @param {string} path
 * @param {object} wish
 */
async function* chunksOf(path, wish) {
  for await (const chunk of answersOf(path, wish)) yield "error" in chunk ? chunk : fetched(chunk);
}

/**
 * A chunk with its data, also if they are in a file.
 * @param {Chunk & {file?: string}} chunk
 * @returns {Promise<Chunk | import("./engine.js").Refusal>}
 */
async function fetched(chunk) {
  if (!chunk.file) return chunk;
  const answer = await fetch(new URL(chunk.file, document.baseURI)).catch(() => null);
  if (!answer?.ok) return { error: "The picture cannot be shown: a part of it is gone." };
  return { ...chunk, data: await answer.arrayBuffer() };
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

/** The seed of a picture that the browser drew, which nobody chose. */
export const seed = () => newSeed;

/** @param {string} task */
export async function turn(task) {
  (await whenReady).turn(task);
  return task;
}

/** Stop was pressed, and Gradio cancels the picture. */
export async function stop() {
  (await whenReady).stop();
  const told = new Promise((resolve) => {
    tellCancelled = () => setTimeout(resolve, SOON);
  });
  cancelled = Promise.race([told, new Promise((resolve) => setTimeout(resolve, SURELY))]);
  picture?.close();
}

/** What the picture is asked for with. */
export const values = () => picture?.values;

/** All chunks were handed on. */
export function ended() {
  const its = picture;
  setTimeout(() => its?.close());
}

/** The picture failed, or is cancelled now: of that, Gradio also tells as of an end, before and after this. */
export function failed() {
  ended();
  tellCancelled();
}
