// The engine interface spoken to Gradio, and the page's events as Gradio tells of them. The only file that knows it.
//
// Each part of the page is a component, whose js_on_load calls `mount`. Gradio's buttons and settings call the functions
// at the end, with the values of their inputs.

import { createStudio } from "./studio.js";

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
const NO_ANSWER = "The server did not answer. Nothing of yours is lost; please try again.";

/** @type {ReturnType<typeof createPicture> | null} */
let picture = null; // the last that was asked for
/** @type {Promise<unknown>} */
let cancelled = Promise.resolve();
let tellCancelled = () => {};
/** @type {[string, string, number, number, number, number | null]} */
let toRestore;
/** @type {(settings: Settings) => void} */
let tellRestored = () => {};

/** @type {Map<string, Part>} */
const parts = new Map();
/** @type {(studio: Studio) => void} */
let begin;
/** @type {Promise<Studio>} */
const whenReady = new Promise((resolve) => {
  begin = resolve;
});

/**
 * A part of the page is there; with the last of them, the studio begins.
 * @param {string} name
 * @param {Part} part
 */
export function mount(name, part) {
  parts.set(name, part);
  const [pad, photos, player] = ["pad", "photos", "player"].map((each) => parts.get(each));
  if (!pad || !photos || !player) return;
  const root = (/** @type {Part} */ { element }) => /** @type {HTMLElement} */ (element.querySelector(".part"));
  const studio = createStudio({
    engine: createEngine({ pad, photos, player }),
    facts: player.props.facts,
    roots: { pad: root(pad), photos: root(photos), player: root(player) },
    sets: pad.props.sets,
    example: player.props.value,
  });
  Object.assign(window, { studio }); // for the console, and for tests
  begin(studio);
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

    // The player's "submit" is what Gradio listens to: it asks for `values`, and says by `ended` that no more will come.
    async *generate(drawings, photographs, { model, guidance, temperature, seed, inner_steps, fresh }) {
      await cancelled;
      const before = player.props.value.id;
      picture = createPicture([drawings, photographs, model, guidance, temperature, seed, inner_steps, fresh]);
      player.trigger("submit");
      let rows = 0;
      for await (const chunk of picture.chunks()) {
        if (chunk.id === before) continue; // of the picture before, late
        if ("error" in chunk) yield chunk;
        else if (chunk.rows > rows) yield fetched(chunk); // the last one comes twice
        rows = chunk.rows;
      }
    },

    along: (drawings, settings) => pad.server.draw_along({ ...drawings, ...settings }),
    influence: (wish) => player.server.influence(wish),

    async takeHome(wish) {
      const address = new URL("take-home", document.baseURI);
      const answer = await fetch(address, { method: "POST", body: JSON.stringify(wish) }).catch(() => null);
      if (!answer) return { error: NO_ANSWER };
      if (!answer.ok) return answer.json().catch(() => ({ error: NO_ANSWER }));
      const name = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "picture";
      return { name: decodeURIComponent(name), blob: await answer.blob() };
    },

    async openProject(project) {
      return (await player.server.open_project(project).catch(() => null)) ?? { error: NO_ANSWER };
    },

    // The player's "select" is what Gradio listens to: it asks for `restored`, and says by `showRestored` that all is set.
    restore({ task, model, settings: { guidance, temperature, seed, inner_steps } }) {
      toRestore = [task, model, guidance, temperature, seed, inner_steps];
      const told = new Promise((resolve) => {
        tellRestored = resolve;
      });
      player.trigger("select");
      return told;
    },
  };
}

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

/** @param {Values} values */
export const open = async (...values) => (await whenReady).open(settingsOf(values));

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

/** @param {string} task */
export async function turn(task) {
  (await whenReady).turn(task);
  return task;
}

/**
 * The values that a project gives to the task and the settings; what it does not say stays.
 * @param {[string, ...Values]} now
 */
export function restored(...now) {
  const [task, model, guidance, temperature, seed, steps] = toRestore;
  return [task, model, guidance, temperature, seed, steps ?? now[5], false];
}

/** @param {Values} values */
export const showRestored = async (...values) => tellRestored(settingsOf(values));

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
