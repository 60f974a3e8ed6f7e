// The arithmetic of the networks, in WebAssembly: products with matrices, and the gate. Nearly all of the time is spent
// here. arithmetic.ts is its source. Needs no page; a browser without WebAssembly's vectors cannot load this module.
//
// The arithmetic sees its own memory only, so that all arrays which it works on lie there. A room holds those of one
// purpose, such as a network's weights or what drawing one picture takes, until it is closed.

import { fromBase64 } from "../codec.js";
import { WASM } from "./wasm.js";

/** @typedef {Float32Array<ArrayBuffer> & {inKernel: true}} Floats  an array in the kernel's memory */
/** @typedef {ReturnType<typeof createRoom>} Room */

const PAGES = 1024; // of 64 kB. It cannot grow, which would take all arrays away; the system gives only what is used
const NUMBER = 4; // bytes
const VECTOR = 16; // bytes

const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
const module = new WebAssembly.Module(fromBase64(WASM));
const wasm = /** @type {Record<string, (...numbers: number[]) => void>} */ (
  new WebAssembly.Instance(module, { env: { memory } }).exports
);

/** Where nothing lies, from and to, in bytes and in order. @type {[number, number][]} */
const gaps = [[0, memory.buffer.byteLength]];

/** @param {number} length */
const bytesOf = (length) => Math.ceil((length * NUMBER) / VECTOR) * VECTOR;

/** Zeros, in the first gap that holds them. @param {number} length */
function allocated(length) {
  const bytes = bytesOf(length);
  const gap = gaps.find(([from, to]) => to - from >= bytes);
  if (!gap) throw new RangeError("The kernel has no memory left.");
  const floats = /** @type {Floats} */ (new Float32Array(memory.buffer, gap[0], length));
  gap[0] += bytes;
  return floats.fill(0);
}

/** @param {Floats} floats */
function giveBack(floats) {
  const [from, to] = [floats.byteOffset, floats.byteOffset + bytesOf(floats.length)];
  const after = gaps.findIndex((gap) => gap[0] >= to);
  const at = after < 0 ? gaps.length : after;
  const [before, behind] = [gaps[at - 1], gaps[at]];
  gaps.splice(at, 0, [from, to]);
  if (behind?.[0] === to) gaps.splice(at, 2, [from, behind[1]]);
  if (before?.[1] === from) gaps.splice(at - 1, 2, [before[0], gaps[at][1]]);
}

/** Arrays in the kernel's memory. */
export function createRoom() {
  /** @type {Floats[]} */
  const taken = [];
  const room = {
    /** Zeros. @param {number} length */
    floats(length) {
      const floats = allocated(length);
      taken.push(floats);
      return floats;
    },
    /** A copy. @param {ArrayLike<number>} numbers */
    copy(numbers) {
      const floats = room.floats(numbers.length);
      floats.set(numbers);
      return floats;
    },
    /** Nobody uses its arrays any more. */
    close() {
      for (const floats of taken.splice(0)) giveBack(floats);
    },
  };
  return room;
}

/**
 * A part of an array, not a copy.
 * @param {Floats} floats
 * @param {number} from
 * @param {number} [to]
 */
export const part = (floats, from, to) => /** @type {Floats} */ (floats.subarray(from, to));

/**
 * Adds to each out [n, rows] the product of a matrix [rows, columns] and x [n, columns].
 * @param {Floats} out
 * @param {Floats} matrix
 * @param {Floats} x
 * @param {number} rows
 * @param {number} columns
 * @param {number} [n]
 * @param {number} [step]  from one out to the next, in numbers
 */
export function addProducts(out, matrix, x, rows, columns, n = 1, step = rows) {
  wasm.addProducts(out.byteOffset, matrix.byteOffset, x.byteOffset, rows, columns, n, step);
}

/**
 * tanh(features) sigmoid(gates): out [n, maps] of a [n, 2 maps].
 * @param {Floats} out
 * @param {Floats} a  features, then gates
 * @param {number} maps
 * @param {number} [n]
 */
export function gate(out, a, maps, n = 1) {
  wasm.gate(out.byteOffset, a.byteOffset, maps, n);
}

/**
 * Adds x [C] to each out [n, C].
 * @param {Floats} out
 * @param {Floats} x
 * @param {number} [n]
 */
export function add(out, x, n = 1) {
  wasm.add(out.byteOffset, x.byteOffset, x.length, n);
}

/**
 * Adds a part of x [length, from `from` on] to a part of out, from `to` on. A part of its own for each pixel would be
 * much for a browser to collect.
 * @param {Floats} out
 * @param {number} to
 * @param {Floats} x
 * @param {number} from
 * @param {number} length
 */
export function addPart(out, to, x, from, length) {
  wasm.add(out.byteOffset + to * NUMBER, x.byteOffset + from * NUMBER, length, 1);
}

/**
 * Fills out with a part of x, from `from` on.
 * @param {Floats} out
 * @param {Float32Array} x
 * @param {number} from
 */
export function copyPart(out, x, from) {
  for (let i = 0; i < out.length; i++) out[i] = x[from + i];
}

/** @param {Floats} x */
export function relu(x) {
  wasm.relu(x.byteOffset, x.length);
}

/**
 * Softmax of the first `count` numbers, in place.
 * @param {Floats} x
 * @param {number} count
 */
export function softmax(x, count) {
  wasm.softmax(x.byteOffset, count);
}
