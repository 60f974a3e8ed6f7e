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

let used = 0; // bytes of the memory
/** @type {Map<number, Floats[]>} */
const free = new Map(); // arrays of closed rooms, by their length: the next picture has the same

/** @param {number} length */
function allocated(length) {
  const bytes = Math.ceil((length * NUMBER) / VECTOR) * VECTOR;
  if (used + bytes > memory.buffer.byteLength) throw new RangeError("The kernel has no memory left.");
  const floats = /** @type {Floats} */ (new Float32Array(memory.buffer, used, length));
  used += bytes;
  return floats;
}

/** Arrays in the kernel's memory. */
export function createRoom() {
  /** @type {Floats[]} */
  const taken = [];
  const room = {
    /** Zeros. @param {number} length */
    floats(length) {
      const floats = free.get(length)?.pop()?.fill(0) ?? allocated(length);
      taken.push(/** @type {Floats} */ (floats));
      return /** @type {Floats} */ (floats);
    },
    /** A copy. @param {ArrayLike<number>} numbers */
    copy(numbers) {
      const floats = room.floats(numbers.length);
      floats.set(numbers);
      return floats;
    },
    /** Nobody uses its arrays any more. */
    close() {
      for (const floats of taken.splice(0)) {
        const others = free.get(floats.length) ?? [];
        free.set(floats.length, others);
        others.push(floats);
      }
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
