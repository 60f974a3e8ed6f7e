// What the engine interface is on a page without a server, besides what engine-local.js draws: files of pictures, and
// sentences for all that only a server can do.

import { addChunk, beginBatch } from "../batch.js";
import { make } from "../dom.js";
import { contextOf, paintCanvas, rgb } from "../painting.js";
import { checkProject } from "../project.js";

/** @typedef {import("../engine.js").Engine} Engine */
/** @typedef {import("../engine.js").Facts} Facts */
/** @typedef {import("../engine.js").Recipe} Recipe */
/** @typedef {import("../engine.js").FileWish} FileWish */
/** @typedef {import("../engine.js").SheetWish} SheetWish */

const NO_DRAWINGS = "There is nothing to read yet: draw a character, or take a ready-made set.";
const NO_OTHERS = "There is no other drawing to read: add another one of the same character.";
const NO_PICTURES = "Picture files are read by a studio with a server only: draw on the pad instead.";
const NO_TRACES = "Only what was drawn on the pad goes back there: centre lines are found by a studio with a server.";
const NO_INFLUENCE = "Influence is computed by a studio with a server only.";
const [SCALE, SCALE_ON_SHEET, GAP_ON_SHEET] = [20, 8, 2]; // as in fewshot/export/pictures.py
const [CLEAR, SHEET] = ["clear", "sheet"]; // keys of formats, besides the picture on white
const AT_ONCE = 16; // pictures of a sheet that are drawn at once

/**
 * The engine of a page without a server, for all that the browser cannot draw.
 * @param {Facts} facts
 */
export function createAlone(facts) {
  let why = ""; // the browser cannot draw at all, in a sentence

  /**
   * @param {Recipe["drawings"]} drawings
   * @param {string} [unread]  what to say if there are none
   */
  const refusal = ({ supports }, unread = NO_DRAWINGS) => ({ error: supports.length ? why : unread });

  /** @param {Parameters<typeof refusal>} drawings */
  async function* refuse(...drawings) {
    yield refusal(...drawings);
  }

  /** @type {Engine} */
  const engine = {
    preview: async () => ({ error: NO_PICTURES }),
    trace: async () => ({ error: NO_TRACES }),
    generate: (drawings) => refuse(drawings),
    variations: ({ drawings }) => refuse(drawings),
    compare: ({ drawings }) => refuse(drawings),
    score: ({ drawings }) => refuse(drawings, NO_OTHERS),
    recognise: ({ drawings }) => refuse(drawings, NO_OTHERS),
    along: async (drawings) => refusal(drawings),
    influence: async () => ({ error: NO_INFLUENCE }),
    takeHome: async () => ({ error: why }),
    openProject: async (project) => checkProject(project, facts),
  };
  return {
    engine,
    /** @param {string} sentence */
    because(sentence) {
      why = sentence;
    },
  };
}

/**
 * The function that draws pictures again, and gives them as a file: those kinds that a canvas can make.
 * @param {Engine} engine  that draws them
 * @param {Facts} facts
 * @returns {Engine["takeHome"]}
 */
export const createTakeHome = (engine, facts) => async (wish) => {
  const recipe = "recipe" in wish ? wish.recipe : recipeOf(wish, facts);
  const samples = "recipe" in wish ? wish.samples : 1;
  const { model, seed, temperature, guidance } = recipe.settings;
  /** @type {import("../batch.js").Batch | null} */
  let batch = null;
  for (let drawn = 0; drawn < samples; drawn += AT_ONCE) {
    const its = { ...recipe, settings: { ...recipe.settings, seed: seed + drawn, fresh: false } };
    for await (const chunk of engine.variations(its, Math.min(AT_ONCE, samples - drawn))) {
      if ("error" in chunk) return chunk;
      batch ??= beginBatch(recipe, chunk);
      addChunk(batch, chunk);
    }
  }
  if (!batch) return { error: "There is no picture yet." };
  const { side, channels } = batch;
  const pictures = batch.pictures.map(({ image }) => smallOf(image, side, channels));
  const canvas = "recipe" in wish ? sheetOf(pictures, side) : enlarged(pictures[0], SCALE);
  if (wish.format !== CLEAR) {
    const context = contextOf(canvas);
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
  if (!blob) return { error: "The browser could not make the file." };
  const said = [model, guidance ? `faithfulness-${guidance}` : "", `temperature-${temperature}`, `seed-${seed}`];
  const ending = { [CLEAR]: "-clear", [SHEET]: "-sheet" }[wish.format] ?? "";
  return { name: `${said.filter(Boolean).join("-")}${ending}.png`, blob };
};

/**
 * @param {FileWish} wish
 * @param {Facts} facts
 * @returns {Recipe}
 */
function recipeOf({ model, supports, beginning, seed, temperature, guidance }, { models }) {
  return {
    task: models[model].task,
    drawings: { supports, shots: null, beginning: /** @type {any} */ (beginning) },
    photographs: { photos: supports, beginning },
    settings: { model, guidance, temperature, seed, inner_steps: 0, fresh: false },
  };
}

/**
 * A picture, whose ink is on clear ground.
 * @param {Uint8Array} image
 * @param {number} side
 * @param {number} channels
 */
function smallOf(image, side, channels) {
  const small = make("canvas");
  paintCanvas(small, side, side, channels === 1 ? (i) => [0, 0, 0, 255 * image[i]] : rgb(image));
  return small;
}

/**
 * @param {HTMLCanvasElement} small
 * @param {number} scale
 */
function enlarged(small, scale) {
  const canvas = make("canvas", { width: small.width * scale, height: small.height * scale });
  const context = contextOf(canvas);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * All pictures, as nearly square as they go, row by row.
 * @param {HTMLCanvasElement[]} pictures
 * @param {number} side
 */
function sheetOf(pictures, side) {
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const cell = side + GAP_ON_SHEET;
  const sizeOf = (/** @type {number} */ count) => (GAP_ON_SHEET + count * cell) * SCALE_ON_SHEET;
  const sheet = make("canvas", { width: sizeOf(columns), height: sizeOf(Math.ceil(pictures.length / columns)) });
  pictures.forEach((picture, i) => {
    const at = [i % columns, Math.floor(i / columns)].map((n) => (GAP_ON_SHEET + n * cell) * SCALE_ON_SHEET);
    contextOf(sheet).drawImage(enlarged(picture, SCALE_ON_SHEET), at[0], at[1]);
  });
  return sheet;
}
