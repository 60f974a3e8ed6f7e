// The engine interface computed in the visitor's own browser, by a worker: drawings of characters by models that do not
// adapt. All else another engine does, the server's, and these too where the browser is slow or cannot.

import { fromBase64, packBits, toBase64, unpackBits } from "./codec.js";
import { PIXELS, renderStrokes } from "./ink.js";
import { readOf } from "./supports.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").Chunk} Chunk */
/** @typedef {import("./engine.js").Drawings} Drawings */
/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./local/artist.js").Answer} Answer */
/** @typedef {import("./local/artist.js").Wish} Wish */

const FAST = 300; // milliseconds that a picture may take at most, for the browser to draw instead of the server
const CANNOT = "The browser could not start drawing by itself.";
const TRIAL = Array(4).fill(new Uint8Array(PIXELS)); // what a trial's picture is drawn from

/** The worker that draws. */
export const startWorker = () => new Worker(new URL("./local/worker.js", import.meta.url), { type: "module" });

/**
 * @param {Engine} server
 * @param {object} options
 * @param {() => Pick<Worker, "postMessage" | "addEventListener">} options.start  gives the worker, when it is needed
 * @param {string[]} options.models  that it can draw with
 * @param {import("./engine.js").Facts["limits"]} options.limits  of settings; the server says what is beyond them
 * @param {boolean} options.always  it draws however slow it is; else a model's first picture is the server's, and a
 *   trial after it decides on the others
 * @param {number} options.newSeeds  below this are seeds that nobody chose
 * @param {(seed: number) => void} options.tellSeed  is told of such a seed
 * @returns {Engine}
 */
export function createLocalEngine(server, { start, models, limits, always, newSeeds, tellSeed }) {
  let last = 0;
  let broken = false;
  /** @type {Map<number, (answer: Omit<Answer, "id">) => void>} */
  const waiting = new Map();
  /** @type {ReturnType<typeof start> | null} */
  let worker = null;

  function started() {
    if (worker) return worker;
    worker = start();
    worker.addEventListener("message", ({ data }) => waiting.get(data.id)?.(data));
    worker.addEventListener("error", () => {
      broken = true;
      for (const tell of waiting.values()) tell({ error: CANNOT });
    });
    return worker;
  }

  /**
   * The worker's answers to a wish, until it has no more or nobody takes them.
   * @param {Wish} wish
   * @returns {AsyncGenerator<Chunk, number>} and the milliseconds that drawing took. Throws Error with the worker's
   *   sentence.
   */
  async function* ask(wish) {
    if (broken) throw new Error(CANNOT);
    const id = ++last;
    /** @type {Omit<Answer, "id">[]} */
    const answers = [];
    let wake = () => {};
    waiting.set(id, (answer) => {
      answers.push(answer);
      wake();
    });
    started().postMessage({ id, wish });
    try {
      for (;;) {
        const answer = answers.shift();
        if (answer?.error) throw new Error(answer.error);
        if (answer?.chunk) yield answer.chunk;
        else if (answer) return Number(answer.time);
        else {
          await new Promise((resolve) => {
            wake = () => resolve(null);
          });
        }
      }
    } finally {
      waiting.delete(id);
      started().postMessage({ id });
    }
  }

  /** @type {Map<string, boolean | Promise<boolean>>} */
  const able = new Map(); // by model

  /** @param {string} model  @param {Error} error */
  function leaveToServer(model, error) {
    console.info(`${model} draws on the server: ${error.message}`);
    able.set(model, false);
    return false;
  }

  /**
   * Loads a model, and has it draw, as the page does at most: the second picture says how fast.
   * @param {string} model
   */
  async function tryOut(model) {
    const wish = { model, supports: TRIAL, beginning: null, seed: 0, temperature: 1, guidance: 1, whole: true };
    try {
      if (always) await ask({ ...wish, supports: null }).next();
      else {
        let time = 0;
        for (let picture = 0; picture < 2; picture++) {
          const answers = ask(wish);
          await answers.next();
          time = Number((await answers.next()).value);
        }
        if (time > FAST) throw new Error(`this browser takes ${Math.round(time)} ms for a picture.`);
      }
      able.set(model, true);
      return true;
    } catch (error) {
      return leaveToServer(model, /** @type {Error} */ (error));
    }
  }

  /** Whether the worker can draw with a model, once it is tried out. @param {string} model */
  function consider(model) {
    const known = able.get(model) ?? (models.includes(model) && tryOut(model));
    able.set(model, known);
    return known;
  }

  /**
   * Whether the worker draws this.
   * @param {Drawings} drawings
   * @param {Settings} settings
   */
  async function isMine({ supports, shots }, { model, ...settings }) {
    if (!readOf(supports, shots).length || !isWithin(settings, limits)) return false;
    return always ? await consider(model) : able.get(model) === true;
  }

  /**
   * @param {Drawings} drawings
   * @param {Settings} settings
   * @param {boolean} whole
   * @returns {Wish}
   */
  function wishOf({ supports, shots, beginning }, { model, guidance, temperature, seed }, whole) {
    const read = readOf(supports, shots).map(bitsOf);
    const given = beginning && { image: bitsOf(beginning), rows: beginning.rows };
    return { model, supports: read, beginning: given, seed, temperature, guidance, whole };
  }

  return {
    async preview(task, given) {
      if (!("strokes" in given)) return server.preview(task, given);
      if (!given.strokes.length) return { error: "The pad is empty: draw a character first." };
      return { pixels: toBase64(packBits(renderStrokes(given.strokes))) };
    },

    trace: (...wish) => server.trace(...wish),

    async *generate(drawings, photographs, settings) {
      if (await isMine(drawings, settings)) {
        const seed = settings.fresh ? Math.floor(Math.random() * newSeeds) : settings.seed;
        if (settings.fresh) tellSeed(seed);
        settings = { ...settings, seed, fresh: false };
        try {
          yield* ask(wishOf(drawings, settings, false));
          return;
        } catch (error) {
          leaveToServer(settings.model, /** @type {Error} */ (error));
        }
      }
      yield* server.generate(drawings, photographs, settings);
      consider(settings.model);
    },

    async along(drawings, settings) {
      if (await isMine(drawings, settings)) {
        try {
          for await (const chunk of ask(wishOf(drawings, settings, true))) {
            const bytes = /** @type {Uint8Array} */ (chunk.data);
            const image = bytes.subarray(bytes.length - chunk.height * chunk.width); // the last of its arrays
            return { ...chunk, pixels: toBase64(packBits(image)) };
          }
        } catch (error) {
          leaveToServer(settings.model, /** @type {Error} */ (error));
        }
      }
      const answer = await server.along(drawings, settings);
      consider(settings.model);
      return answer;
    },

    variations: (recipe, samples) => server.variations(recipe, samples),
    compare: (...wish) => server.compare(...wish),
    score: (...wish) => server.score(...wish),
    recognise: (...wish) => server.recognise(...wish),
    influence: (wish) => server.influence(wish),
    takeHome: (wish) => server.takeHome(wish),
    openProject: (project) => server.openProject(project),
  };
}

/**
 * @param {Omit<Settings, "model">} settings  as they were typed
 * @param {import("./engine.js").Facts["limits"]} limits
 */
function isWithin({ seed, temperature, guidance }, limits) {
  const isNumber = (/** @type {unknown} */ value, /** @type {[number, number]} */ [least, most]) =>
    typeof value === "number" && least <= value && value <= most;
  return (
    Number.isInteger(seed) &&
    isNumber(seed, limits.seed) &&
    isNumber(temperature, limits.temperature) &&
    isNumber(guidance, limits.guidance)
  );
}

/**
 * A drawing as a model sees it, [pixels] of 0 and 1.
 * @param {import("./engine.js").Seen | {strokes: import("./codec.js").Stroke[]}} drawing
 */
function bitsOf(drawing) {
  if ("strokes" in drawing) return renderStrokes(drawing.strokes);
  return unpackBits(fromBase64(drawing.pixels), PIXELS);
}
