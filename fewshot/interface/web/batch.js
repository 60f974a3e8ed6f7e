// Variations of one recipe, as they grow chunk by chunk. Needs no page.

import { unpackImages } from "./codec.js";

/** @typedef {import("./engine.js").Recipe} Recipe */
/** @typedef {import("./engine.js").VariationsChunk} VariationsChunk */

/**
 * One picture. Its seed draws it again alone, with its whole trace.
 * @typedef {object} Picture
 * @property {number} seed
 * @property {Uint8Array} image  [pixels, channels], filled up to `rows`
 * @property {number} rows
 * @property {number | null} fit  log p(x | s) - log p(x) in nats, once it is known
 */

/**
 * @typedef {object} Batch
 * @property {Recipe} recipe  of all of them; its seed is the first one's
 * @property {string} title  of the model
 * @property {number} side
 * @property {number} channels
 * @property {number} given  rows that were given
 * @property {Picture[]} pictures  in the order of their seeds
 */

/** @typedef {"seed" | "fit"} Order */

/**
 * A batch without pictures, for the first chunk of the answer to a recipe.
 * @param {Recipe} recipe
 * @param {VariationsChunk} chunk
 * @returns {Batch}
 */
export function beginBatch(recipe, { seed, title, width, channels, given }) {
  return { recipe: withSeed(recipe, seed), title, side: width, channels, given, pictures: [] };
}

/**
 * Adds the rows of a chunk, whose first picture may be a later one of the batch.
 * @param {Batch} batch
 * @param {VariationsChunk} chunk
 */
export function addChunk({ recipe, side, channels, pictures }, chunk) {
  const rows = chunk.rows - chunk.start;
  const size = rows * side * channels;
  const values = unpackImages(chunk.pixels, chunk.number * rows * side, channels);
  const first = chunk.seed - recipe.settings.seed;
  for (let i = 0; i < chunk.number; i++) {
    const image = pictures[first + i]?.image ?? new Uint8Array(side * side * channels);
    image.set(values.subarray(i * size, (i + 1) * size), chunk.start * side * channels);
    pictures[first + i] = { seed: chunk.seed + i, image, rows: chunk.rows, fit: chunk.fits?.[i] ?? null };
  }
}

/**
 * The pictures as they are shown: by their seeds, or the best fit first. While one has no fit, it is by their seeds.
 * @param {Picture[]} pictures
 * @param {Order} order
 */
export function ordered(pictures, order) {
  if (order === "seed" || pictures.some(({ fit }) => fit === null)) return pictures;
  return [...pictures].sort((a, b) => Number(b.fit) - Number(a.fit));
}

/**
 * The same recipe with another seed, for that one picture.
 * @param {Recipe} recipe
 * @param {number} seed
 * @returns {Recipe}
 */
export function withSeed(recipe, seed) {
  return { ...recipe, settings: { ...recipe.settings, seed, fresh: false } };
}

/**
 * A short name of a recipe: the same recipe has the same, and two have different ones, as good as surely.
 * @param {Recipe} recipe
 */
export function nameOf({ task, drawings, photographs, settings }) {
  const { model, guidance, temperature, seed, inner_steps } = settings;
  const text = JSON.stringify([task, drawings, photographs, model, guidance, temperature, seed, inner_steps]);
  // FNV-1a, twice: crypto.subtle is only there for addresses that browsers call secure.
  return [0x811c9dc5, 0x1b873593].map((basis) => hashed(text, basis).toString(16).padStart(8, "0")).join("");
}

/**
 * @param {string} text
 * @param {number} hash  to begin with
 */
function hashed(text, hash) {
  let mixed = hash;
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
  return mixed >>> 0;
}
