import assert from "node:assert/strict";
import { test } from "node:test";
import { addChunk, beginBatch, nameOf, ordered, withSeed } from "../../fewshot/interface/web/batch.js";
import { packBits, toBase64 } from "../../fewshot/interface/web/codec.js";

const SETTINGS = { model: "a", guidance: 0.5, temperature: 1, seed: 0, inner_steps: 1, fresh: true };
/** @type {import("../../fewshot/interface/web/engine.js").Recipe} */
const RECIPE = {
  task: "t",
  drawings: { supports: [{ pixels: "AA==" }], shots: null, beginning: null },
  photographs: { photos: [], beginning: null },
  settings: SETTINGS,
};

/**
 * Rows start..rows-1 of pictures [number, side, side, channels], as the server sends them.
 * @param {Uint8Array[]} pictures
 * @param {number} seed
 * @param {number} start
 * @param {number} rows
 * @param {{side?: number, channels?: number, fits?: number[] | null}} more
 */
function chunkOf(pictures, seed, start, rows, { side = 4, channels = 1, fits = null } = {}) {
  const parts = pictures.flatMap((picture) => [...picture.slice(start * side * channels, rows * side * channels)]);
  const bytes = channels === 1 ? packBits(Uint8Array.from(parts)) : Uint8Array.from(parts);
  const known = { title: "A", width: side, channels, given: 0, number: pictures.length };
  return { ...known, seed, start, rows, pixels: toBase64(bytes), fits };
}

const made = (/** @type {number} */ values, /** @type {number} */ factor) =>
  Uint8Array.from({ length: values }, (_, i) => ((i * factor) % 7) & 1);

test("pictures grow by rows, and further ones of the same recipe join them", () => {
  const pictures = [3, 5, 2].map((factor) => made(16, factor));
  const first = chunkOf(pictures, 40, 0, 1);
  const batch = beginBatch(RECIPE, first);
  assert.equal(batch.recipe.settings.seed, 40);
  assert.equal(batch.recipe.settings.fresh, false);
  addChunk(batch, first);
  assert.deepEqual(
    batch.pictures.map(({ seed, rows, fit }) => [seed, rows, fit]),
    [40, 41, 42].map((n) => [n, 1, null]),
  );
  assert.deepEqual(batch.pictures[1].image.slice(4), new Uint8Array(12));
  addChunk(batch, chunkOf(pictures, 40, 1, 4));
  addChunk(batch, chunkOf(pictures, 40, 4, 4, { fits: [1, 3, 2] }));
  assert.deepEqual(
    batch.pictures.map(({ image }) => image),
    pictures,
  );
  addChunk(batch, chunkOf([made(16, 4)], 43, 0, 4));
  assert.deepEqual(
    batch.pictures.map(({ seed }) => seed),
    [40, 41, 42, 43],
  );
  assert.deepEqual(batch.pictures.map(({ image }) => image).slice(0, 3), pictures);
});

test("in colour, three bytes a pixel", () => {
  const pictures = [1, 2].map((n) => Uint8Array.from({ length: 12 }, (_, i) => 20 * i + n));
  const chunk = chunkOf(pictures, 7, 0, 2, { side: 2, channels: 3 });
  const batch = beginBatch(RECIPE, chunk);
  addChunk(batch, chunk);
  assert.deepEqual(
    batch.pictures.map(({ image }) => image),
    pictures,
  );
});

test("the best fit comes first once all fits are known, and nothing is moved before", () => {
  const pictures = [1, -2, 5].map((fit, seed) => ({ seed, fit, rows: 4, image: new Uint8Array(16) }));
  assert.deepEqual(
    ordered(pictures, "fit").map(({ seed }) => seed),
    [2, 0, 1],
  );
  assert.deepEqual(
    ordered(pictures, "seed").map(({ seed }) => seed),
    [0, 1, 2],
  );
  const unknown = [...pictures, { ...pictures[0], seed: 3, fit: null }];
  assert.deepEqual(ordered(unknown, "fit"), unknown);
});

test("a recipe has one name, whatever else is set on the page", () => {
  const name = nameOf(RECIPE);
  assert.match(name, /^[0-9a-f]{16}$/);
  assert.equal(nameOf(withSeed(RECIPE, 0)), name);
  assert.equal(nameOf(structuredClone(RECIPE)), name);
  /** @type {(typeof RECIPE)[]} */
  const others = [
    withSeed(RECIPE, 1),
    { ...RECIPE, task: "u" },
    { ...RECIPE, settings: { ...SETTINGS, temperature: 1.1 } },
    { ...RECIPE, drawings: { ...RECIPE.drawings, beginning: { strokes: [[[1, 1]]], rows: 3 } } },
  ];
  assert.equal(new Set([name, ...others.map(nameOf)]).size, 5);
});
