// The engine interface computed in the visitor's own browser, by a worker: drawings of characters by models that do not
// adapt. What it cannot do, or has no weights for, another engine does, the server's.

import { fromBase64, packBits, toBase64, unpackBits } from "./codec.js";
import { PIXELS, renderStrokes } from "./local/ink.js";

/** @typedef {import("./engine.js").Engine} Engine */
/** @typedef {import("./engine.js").Chunk} Chunk */
/** @typedef {import("./engine.js").Drawings} Drawings */
/** @typedef {import("./engine.js").Settings} Settings */
/** @typedef {import("./local/artist.js").Answer} Answer */
/** @typedef {import("./local/artist.js").Wish} Wish */

const MOST_SEED = 2 ** 31; // of seeds that nobody chose

/** The worker that draws. */
export const startWorker = () => new Worker(new URL("./local/worker.js", import.meta.url), { type: "module" });

/**
 * @param {Engine} server
 * @param {Pick<MessagePort, "postMessage" | "addEventListener">} worker
 * @returns {Engine}
 */
export function createLocalEngine(server, worker) {
  let last = 0;
  /** @type {Map<number, (answer: Answer) => void>} */
  const waiting = new Map();
  worker.addEventListener("message", ({ data }) => waiting.get(data.id)?.(data));

  /**
   * The worker's answers to a wish, until it has no more or nobody takes them.
   * @param {Wish} wish
   * @returns {AsyncGenerator<Chunk>} Throws Error with the worker's sentence.
   */
  async function* ask(wish) {
    const id = ++last;
    /** @type {Answer[]} */
    const answers = [];
    let wake = () => {};
    waiting.set(id, (answer) => {
      answers.push(answer);
      wake();
    });
    worker.postMessage({ id, wish });
    try {
      for (;;) {
        const answer = answers.shift();
        if (answer?.error) throw new Error(answer.error);
        if (answer?.chunk) yield answer.chunk;
        else if (answer) return;
        else {
          await new Promise((resolve) => {
            wake = () => resolve(null);
          });
        }
      }
    } finally {
      waiting.delete(id);
      worker.postMessage({ id });
    }
  }

  /** @type {Map<string, Promise<boolean>>} */
  const able = new Map();
  /**
   * Whether the worker can draw with a model: it has loaded it then.
   * @param {string} model
   */
  const canDraw = (model) => {
    const load = async () => {
      const wish = { model, supports: null, seed: 0, temperature: 1, guidance: 0, whole: true };
      for await (const _ of ask(wish)) break;
      return true;
    };
    const known =
      able.get(model) ??
      load().catch((error) => {
        console.info(`${model} draws on the server: ${error.message}`);
        return false;
      });
    able.set(model, known);
    return known;
  };

  /**
   * @param {Drawings} drawings
   * @param {Settings} settings
   * @param {boolean} whole
   * @returns {Wish}
   */
  const wishOf = ({ supports, shots }, { model, guidance, temperature, seed }, whole) => ({
    model,
    supports: supports.slice(0, shots ?? supports.length).map(bitsOf),
    seed,
    temperature,
    guidance,
    whole,
  });

  return {
    async preview(task, given) {
      if (!("strokes" in given)) return server.preview(task, given);
      if (!given.strokes.length) return { error: "The pad is empty: draw a character first." };
      return { pixels: toBase64(packBits(renderStrokes(given.strokes))) };
    },

    async *generate(drawings, photographs, settings) {
      if (!drawings.supports.length || drawings.beginning || !(await canDraw(settings.model))) {
        yield* server.generate(drawings, photographs, settings);
        return;
      }
      const seed = settings.fresh ? Math.floor(Math.random() * MOST_SEED) : settings.seed;
      yield* ask(wishOf(drawings, { ...settings, seed }, false));
    },

    async along(drawings, settings) {
      const canNot = !drawings.supports.length || drawings.beginning || !(await canDraw(settings.model));
      if (canNot) return server.along(drawings, settings);
      for await (const chunk of ask(wishOf(drawings, settings, true))) {
        const bytes = /** @type {Uint8Array} */ (chunk.data);
        const image = bytes.subarray(bytes.length - chunk.height * chunk.width); // the last of its arrays
        return { ...chunk, pixels: toBase64(packBits(image)) };
      }
      throw new Error("The worker drew nothing.");
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
 * A drawing as a model sees it, [pixels] of 0 and 1.
 * @param {Drawings["supports"][number]} drawing
 */
function bitsOf(drawing) {
  if ("strokes" in drawing) return renderStrokes(drawing.strokes);
  return unpackBits(fromBase64(drawing.pixels), PIXELS);
}
