// A run, as it grows chunk by chunk: from what payload.py sends to arrays. Needs no page.

import { fromBase64, inflate, unpackImages } from "./codec.js";

/**
 * What a model can do: all that is known here of which model it is.
 * @typedef {object} Can
 * @property {boolean} read  it reads supports
 * @property {boolean} attend  its runs have attention
 * @property {boolean} influence  the engine can say what each support pixel does to a pixel
 * @property {boolean} adapt  the supports change its weights
 */

/**
 * Some finished rows of a run; payload.py describes each field.
 * @typedef {object} Chunk
 * @property {string} id
 * @property {string} model
 * @property {string} title
 * @property {string} task
 * @property {Can} can
 * @property {string} note  a sentence on what a model without attention reads; else empty
 * @property {number} seed
 * @property {number} temperature
 * @property {number} guidance  above 0, it is no sample of the model
 * @property {number} cut
 * @property {number} height
 * @property {number} width
 * @property {number} channels
 * @property {number} colours  how many different ones a pixel can have
 * @property {number} shots
 * @property {string} supports
 * @property {number} heads
 * @property {[number, number]} grid
 * @property {[number, number]} own_grid  of the drawing itself, where it is read, too; else 0, 0
 * @property {number[] | null} support_nats
 * @property {number} given
 * @property {number} start
 * @property {number} rows
 * @property {string | ArrayBuffer | Uint8Array<ArrayBuffer>} data  in base64, or deflated, or as it is
 * @property {(data: ArrayBuffer) => void} [release]  gives the memory of its data back, to be used again, once they are
 *   copied: a browser collects none of it before it is 64 MB
 * @property {string} [nats]  of a given drawing that is scored, in base64: what each pixel cost
 * @property {string} [example]  the name of the ready-made set that it was drawn from, if it is the page's example
 */

/**
 * What is known of a run: its facts as in each of its chunks, and arrays for all of its pixels, filled up to `rows`.
 * @typedef {Omit<Chunk, "start" | "data" | "release" | "nats"> & Arrays & {
 *   live: boolean, pixels: number, places: number, influences: Map<number, Influence>, nats: Float32Array | null
 * }} Run
 */

/**
 * @typedef {object} Arrays
 * @property {Float32Array} chance  [pixels] of ink, or of the pixel's own colour
 * @property {Float32Array} before  [pixels] the same without inner steps; empty if there are none, and in colour
 * @property {Float32Array} largest  [pixels, heads] the largest attention weight
 * @property {Float32Array} shares  [pixels, heads, shots]
 * @property {Uint8Array} weights  [pixels, heads, shots, places] 255 is the largest
 * @property {Float32Array} ownShares  [pixels, heads] of the drawing itself; empty if it is not read
 * @property {Uint8Array} ownWeights  [pixels, heads, its places] 255 is the largest
 * @property {Uint8Array} image  [pixels, channels]
 */

/** @typedef {{largest: number, maps: Int8Array}} Influence  maps [shots, pixels], where 127 is the largest */

/**
 * The arrays of a chunk, in their order: name, type, and numbers for each pixel.
 * @param {Pick<Chunk, "channels" | "heads" | "shots" | "grid" | "own_grid" | "support_nats">} chunk
 * @returns {[keyof Arrays, Float32ArrayConstructor | Uint8ArrayConstructor, number][]}
 */
export function layout({ channels, heads, shots, grid, own_grid, support_nats }) {
  return [
    ["chance", Float32Array, 1],
    ["before", Float32Array, support_nats && channels === 1 ? 1 : 0],
    ["largest", Float32Array, heads],
    ["shares", Float32Array, heads * shots],
    ["weights", Uint8Array, heads * shots * grid[0] * grid[1]],
    ["ownShares", Float32Array, own_grid[0] ? heads : 0],
    ["ownWeights", Uint8Array, heads * own_grid[0] * own_grid[1]],
    ["image", Uint8Array, channels],
  ];
}

/**
 * The run that a chunk belongs to, before any row.
 * @param {Chunk} chunk
 * @param {boolean} live  whether it follows the user's hand
 * @param {Run | null} spare  one that nobody needs any more, whose arrays of the same size it takes over: they are 2 MB
 * @returns {Run}
 */
export function beginRun(
  { start: _start, data: _data, release: _release, nats, ...facts },
  live = false,
  spare = null,
) {
  const pixels = facts.height * facts.width;
  const arrays = layout(facts).map(([name, type, perPixel]) => {
    const old = spare?.[name];
    return [name, old?.length === pixels * perPixel ? old.fill(0) : new type(pixels * perPixel)];
  });
  return {
    ...facts,
    .../** @type {Arrays} */ (Object.fromEntries(arrays)),
    live,
    pixels,
    places: facts.grid[0] * facts.grid[1],
    rows: 0,
    influences: new Map(),
    nats: nats === undefined ? null : new Float32Array(fromBase64(nats).buffer),
  };
}

/**
 * @param {Chunk} chunk
 * @returns {Promise<ArrayBuffer>} the arrays of its rows, one after the other
 */
export async function unpack(chunk) {
  if (chunk.data instanceof Uint8Array) return chunk.data.buffer;
  return inflate(typeof chunk.data === "string" ? fromBase64(chunk.data) : new Uint8Array(chunk.data));
}

/**
 * Copies the unpacked rows of a chunk into its run.
 * @param {Run} run
 * @param {Chunk} chunk
 * @param {ArrayBuffer} unpacked
 */
export function addRows(run, chunk, unpacked) {
  const start = chunk.start * run.width;
  const pixels = (chunk.rows - chunk.start) * run.width;
  let offset = 0;
  for (const [name, type, perPixel] of layout(run)) {
    const size = perPixel * type.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(unpacked, offset, pixels * size); // numbers of four bytes may begin at any
    new Uint8Array(run[name].buffer).set(bytes, start * size);
    offset += pixels * size;
  }
  run.rows = Math.max(run.rows, chunk.rows);
}

/**
 * What the model read: bits of 0 and 1 [shots, pixels], or in colour bytes [shots, pixels, 3].
 * @param {Pick<Run, "supports" | "channels" | "shots" | "pixels">} run
 */
export function supportsOf({ supports, channels, shots, pixels }) {
  return unpackImages(supports, shots * pixels, channels);
}
