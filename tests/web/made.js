// A run small enough to work out by hand: 2x2 pixels, two heads, two supports of two places each, and one place of its
// own drawing.

import { deflateSync } from "node:zlib";
import { packBits, toBase64 } from "../../fewshot/interface/web/codec.js";
import { layout } from "../../fewshot/interface/web/run.js";

/** @typedef {import("../../fewshot/interface/web/run.js").Chunk} Chunk */
/** @typedef {import("../../fewshot/interface/web/run.js").Arrays} Arrays */

/** @type {Record<keyof Arrays, number[]>} */
export const ARRAYS = {
  chance: [0.25, 0.5, 0.75, 1],
  before: [0.5, 0.5, 0.5, 0.5],
  largest: [0.5, 1, 0.25, 0, 0.5, 0.5, 1, 1],
  shares: [0.5, 0, 0.5, 0.5, 0.25, 0.25, 0, 0, 0.5, 0.5, 0, 1, 1, 0, 0, 1],
  weights: [255, 0, 0, 0, 0, 51, 255, 102, 255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255].concat([
    255, 0, 0, 0, 0, 0, 255, 0,
  ]),
  ownShares: [0, 0, 0, 0, 0.5, 0.25, 0, 0],
  ownWeights: [0, 0, 0, 0, 255, 102, 0, 0],
  image: [0, 1, 1, 0],
};

/**
 * @param {Partial<Chunk>} [facts]
 * @returns {Chunk}
 */
export function madeChunk(facts = {}) {
  /** @type {Chunk} */
  const chunk = {
    id: "made",
    model: "made",
    title: "Made",
    task: "made",
    can: { read: true, attend: true, influence: true, adapt: true },
    note: "",
    seed: 0,
    temperature: 1,
    guidance: 0,
    cut: 0,
    height: 2,
    width: 2,
    channels: 1,
    colours: 2,
    shots: 2,
    supports: toBase64(packBits(Uint8Array.of(1, 0, 0, 1, 0, 1, 1, 0))),
    heads: 2,
    grid: [1, 2],
    own_grid: [1, 1],
    support_nats: [0.5, 0.25],
    given: 0,
    start: 0,
    rows: 2,
    data: "",
    ...facts,
  };
  return { ...chunk, data: packed(chunk, ARRAYS) };
}

/**
 * The rows start..rows of a run's arrays, as payload.py packs them.
 * @param {Chunk} chunk
 * @param {Record<keyof Arrays, ArrayLike<number>>} arrays  of all rows
 */
export function packed(chunk, arrays) {
  const bytes = layout(chunk).map(([name, type, perPixel]) => {
    const [from, to] = [chunk.start, chunk.rows].map((row) => row * chunk.width * perPixel);
    return Buffer.from(type.from(Array.from(arrays[name]).slice(from, to)).buffer);
  });
  return deflateSync(Buffer.concat(bytes)).toString("base64");
}
