// Finished rows of a drawing as a chunk, as payload.py packs them, but not deflated: they do not travel far. Needs no
// page.

import { layout } from "../run.js";

/** @typedef {import("../run.js").Chunk} Chunk */
/** @typedef {import("./sampler.js").Drawn} Drawn */

/**
 * The chunk with the finished rows from row `start` on.
 * @param {Omit<Chunk, "start" | "rows" | "data">} facts
 * @param {Drawn} drawn
 * @param {number} start
 * @param {import("./heads.js").Head["show"]} show
 * @param {ArrayBuffer[]} spares  of which the last is taken, if it has the size
 * @returns {Chunk & {data: Uint8Array<ArrayBuffer>}}
 */
export function pack(facts, drawn, start, show, spares) {
  const [from, to] = [start * facts.width, drawn.rows * facts.width];
  const { attention, own } = drawn;
  const { heads, shots } = facts;
  const queries = (to - from) * heads;
  const places = facts.grid[0] * facts.grid[1];
  const ownPlaces = facts.own_grid[0] * facts.own_grid[1];
  const sizes = layout(facts).map(([, type, perPixel]) => (to - from) * perPixel * type.BYTES_PER_ELEMENT);
  const size = sizes.reduce((sum, each) => sum + each, 0);
  const spare = spares.at(-1)?.byteLength === size ? spares.pop() : null;
  const data = new Uint8Array(spare ?? new ArrayBuffer(size));
  /** @type {Record<string, Uint8Array>} */
  const bytes = {}; // of each array, its part of the data
  let end = 0;
  layout(facts).forEach(([name], i) => {
    bytes[name] = data.subarray(end, end + sizes[i]);
    end += sizes[i];
  });

  const largest = new Float32Array(queries);
  const shares = new Float32Array(queries * shots);
  const ownShares = new Float32Array(ownPlaces ? queries : 0);
  for (let q = 0; q < queries; q++) {
    const [first, ownFirst] = [(from * heads + q) * shots * places, (from * heads + q) * ownPlaces];
    const most = Math.max(
      largestOf(attention, first, first + shots * places),
      largestOf(own, ownFirst, ownFirst + ownPlaces),
    );
    largest[q] = most;
    const scale = 255 / Math.max(most, 1e-30);
    for (let n = q * shots, at = first; n < (q + 1) * shots; n++, at += places) {
      shares[n] = quantise(bytes.weights, n * places, attention, at, at + places, scale);
    }
    if (ownPlaces) {
      ownShares[q] = quantise(bytes.ownWeights, q * ownPlaces, own, ownFirst, ownFirst + ownPlaces, scale);
    }
  }
  const small = { chance: drawn.chance.subarray(from, to), largest, shares, ownShares };
  for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(small)) {
    bytes[name].set(new Uint8Array(buffer, byteOffset, byteLength));
  }
  bytes.image.set(show(drawn.image.subarray(from, to)));
  return { ...facts, start, rows: drawn.rows, data };
}

// These two go through millions of numbers, which an index does a few times faster than an iterator or a part of an array.

/**
 * @param {Float32Array} weights
 * @param {number} from
 * @param {number} to
 */
function largestOf(weights, from, to) {
  let most = 0;
  for (let i = from; i < to; i++) if (weights[i] > most) most = weights[i];
  return most;
}

/**
 * Some weights in steps of the scale, in their place of all.
 * @param {Uint8Array} all
 * @param {number} at  where their place begins
 * @param {Float32Array} weights
 * @param {number} from
 * @param {number} to
 * @param {number} scale
 * @returns {number} their sum
 */
function quantise(all, at, weights, from, to, scale) {
  let sum = 0;
  for (let i = from; i < to; i++) {
    sum += weights[i];
    all[at + i - from] = weights[i] * scale + 0.5;
  }
  return sum;
}
