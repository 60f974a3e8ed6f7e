// A weights file in the safetensors format: eight bytes of length, a JSON header, and the numbers. Needs no page.
//
// A file may come from anywhere, so that nothing in it is taken for granted; only what the studio saves is read: half
// precision, or, by older versions, float32.

/**
 * Of a network, all that its file holds.
 * @typedef {{shape: number[], data: Float32Array}} Tensor
 */

const LENGTH = 8; // bytes of the header's length
const MOST_HEADER = 1_000_000; // bytes
const BYTES = { F16: 2, F32: 4 }; // of a number

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
  if (!Object.hasOwn(BYTES, dtype ?? "")) {
    throw new WeightsError(`The weights '${name}' are not of numbers in half or single precision.`);
  }
  if (!areSizes(shape) || !areSizes(offsets) || offsets.length !== 2) {
    throw new WeightsError(`The header of the weights '${name}' is damaged.`);
  }
  const [from, to] = offsets;
  if (start + to > buffer.byteLength)
    throw new WeightsError(`The weights file is cut off before the end of '${name}'.`);
  const size = shape.reduce((product, side) => product * side, 1);
  const bytes = BYTES[/** @type {keyof typeof BYTES} */ (dtype)];
  if (to - from !== size * bytes) throw new WeightsError(`The weights '${name}' are of another size than their shape.`);
  const numbers = buffer.slice(start + from, start + to); // copied, as it may lie at any byte
  const data = bytes === 2 ? ofHalves(new Uint16Array(numbers)) : new Float32Array(numbers);
  if (!areFinite(data)) throw new WeightsError(`The weights '${name}' are not finite.`);
  return { shape, data };
}

/**
 * Numbers in half precision: a sign, five bits of an exponent, ten of a fraction. What is not finite becomes NaN.
 * @param {Uint16Array} halves
 */
function ofHalves(halves) {
  const data = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const [exponent, fraction] = [(halves[i] >> 10) & 31, (halves[i] & 1023) / 1024];
    const size = exponent === 31 ? Number.NaN : exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
    data[i] = halves[i] >> 15 ? -size : size;
  }
  return data;
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
