// A weights file in the safetensors format: eight bytes of length, a JSON header, and the numbers. Needs no page.
//
// A file may come from anywhere, so that nothing in it is taken for granted; only float32 is read, as the studio saves.

/**
 * Of a network, all that its file holds.
 * @typedef {{shape: number[], data: Float32Array}} Tensor
 */

const LENGTH = 8; // bytes of the header's length
const MOST_HEADER = 1_000_000; // bytes
const BYTES = 4; // of a float32

/** What a weights file or its configuration is not; the message is one sentence for the user. */
export class WeightsError extends Error {}

/**
 * @param {ArrayBuffer} buffer  a file
 * @returns {Map<string, Tensor>} by name. Throws WeightsError.
 */
export function parseSafetensors(buffer) {
  const header = headerOf(buffer);
  const start = LENGTH + header.length;
  const tensors = new Map();
  for (const [name, entry] of Object.entries(header.entries)) {
    if (name !== "__metadata__") tensors.set(name, tensorOf(name, entry, buffer, start));
  }
  return tensors;
}

/**
 * @param {ArrayBuffer} buffer
 * @returns {{length: number, entries: Record<string, any>}}
 */
function headerOf(buffer) {
  const foreign = () => new WeightsError("The weights are no safetensors file.");
  if (buffer.byteLength < LENGTH) throw foreign();
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > MOST_HEADER) throw foreign();
  if (length > buffer.byteLength - LENGTH) throw new WeightsError("The weights file is cut off within its header.");
  try {
    const entries = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(buffer, LENGTH, length)),
    );
    if (typeof entries === "object" && entries !== null && !Array.isArray(entries)) return { length, entries };
  } catch {}
  throw foreign();
}

/**
 * @param {string} name
 * @param {any} entry
 * @param {ArrayBuffer} buffer
 * @param {number} start  of the numbers
 * @returns {Tensor}
 */
function tensorOf(name, entry, buffer, start) {
  const { dtype, shape, data_offsets: offsets } = entry ?? {};
  if (dtype !== "F32") throw new WeightsError(`The weights '${name}' are not of float32 numbers.`);
  if (!areSizes(shape) || !areSizes(offsets) || offsets.length !== 2) {
    throw new WeightsError(`The header of the weights '${name}' is damaged.`);
  }
  const [from, to] = offsets;
  if (start + to > buffer.byteLength)
    throw new WeightsError(`The weights file is cut off before the end of '${name}'.`);
  const size = shape.reduce((product, side) => product * side, 1);
  if (to - from !== size * BYTES) throw new WeightsError(`The weights '${name}' are of another size than their shape.`);
  const data = new Float32Array(buffer.slice(start + from, start + to)); // copied, as it may lie at any byte
  if (!areFinite(data)) throw new WeightsError(`The weights '${name}' are not finite.`);
  return { shape, data };
}

/** A loop: a function for each would leave much to collect. @param {Float32Array} data */
function areFinite(data) {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}

/**
 * @param {unknown} values
 * @returns {values is number[]}
 */
function areSizes(values) {
  return Array.isArray(values) && values.every((value) => Number.isSafeInteger(value) && value >= 0);
}
