// The kernel beside plain loops in float64, for sizes that fill its vectors and sizes that do not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBase64 } from "../../fewshot/interface/web/codec.js";
import { add, addProducts, createRoom, gate, part, relu, softmax } from "../../fewshot/interface/web/local/kernel.js";
import { WASM } from "../../fewshot/interface/web/local/wasm.js";
import { compiled } from "../../tools/build_kernel.js";

const room = createRoom();
let state = 1;
// The same each time, of [-2, 2].
const numbers = (/** @type {number} */ length) =>
  room.copy(
    Array.from({ length }, () => {
      state = Math.imul(state, 48271) >>> 1;
      return (state / 2 ** 31) * 4 - 2;
    }),
  );

/**
 * @param {Float32Array} found
 * @param {(i: number) => number} expected
 * @param {number} within
 */
function assertNear(found, expected, within) {
  found.forEach((number, i) => {
    assert.ok(Math.abs(number - expected(i)) <= within, `${i}: ${number} is not ${expected(i)}`);
  });
}

test("the committed kernel is its source's", () => {
  assert.deepEqual(new Uint8Array(fromBase64(WASM)), new Uint8Array(compiled()));
});

test("arrays are zeros, apart from each other, and their place is used again", () => {
  const [held, megabytes] = [createRoom(), 2 ** 18];
  const all = Array.from({ length: 12 }, () => createRoom());
  for (let round = 1; round < 40; round++) {
    const sizes = all.map((_, i) => 1 + ((i * round) % 13) * (megabytes / 8) + (i % 5));
    const arrays = all.map((each, i) => each.floats(sizes[i]));
    for (const [i, array] of arrays.entries()) {
      assert.ok(array.every((number) => number === 0));
      array.fill(i + 1);
    }
    for (const [i, array] of arrays.entries()) assert.ok(array.every((number) => number === i + 1));
    if (round % 10 === 0) held.floats(round);
    for (const [i] of all.entries()) all[(i * 5) % all.length].close(); // in another order
  }
  assert.throws(() => held.floats(64 * megabytes), RangeError);
  held.close();
});

test("products are added, to outs that may lie apart", () => {
  for (const [rows, columns, n, step] of [
    [1, 1, 1, 1],
    [4, 4, 1, 4],
    [8, 16, 3, 8],
    [7, 13, 2, 7],
    [5, 3, 3, 9],
    [12, 677, 1, 12],
  ]) {
    const [matrix, x, out] = [numbers(rows * columns), numbers(n * columns), numbers(n * step)];
    const before = out.slice();
    addProducts(out, matrix, x, rows, columns, n, step);
    const expected = (/** @type {number} */ at) => {
      const [j, i] = [Math.floor(at / step), at % step];
      let sum = before[at];
      for (let k = 0; i < rows && k < columns; k++) sum += matrix[i * columns + k] * x[j * columns + k];
      return sum;
    };
    assertNear(out, expected, 1e-6 * columns);
  }
});

test("gates are tanh times sigmoid, also far out", () => {
  for (const [maps, n] of [
    [1, 1],
    [8, 1],
    [6, 3],
  ]) {
    const [a, out] = [numbers(n * 2 * maps), room.floats(n * maps)];
    gate(out, a, maps, n);
    const expected = (/** @type {number} */ at) => {
      const first = 2 * maps * Math.floor(at / maps) + (at % maps);
      return Math.tanh(a[first]) / (1 + Math.exp(-a[first + maps]));
    };
    assertNear(out, expected, 3e-7);
  }
  const [far, out] = [[-1e30, -100, -20, 0, 20, 100, 1e30], room.floats(49)];
  for (const [i, feature] of far.entries()) {
    const a = room.copy(far.flatMap(() => [feature]).concat(far));
    gate(part(out, 7 * i, 7 * i + 7), a, 7);
  }
  assertNear(out, (at) => Math.tanh(far[Math.floor(at / 7)]) / (1 + Math.exp(-far[at % 7])), 3e-7);
});

test("softmax is of the first numbers only", () => {
  for (const [length, count] of [
    [1, 1],
    [5, 3],
    [170, 170],
    [9, 8],
  ]) {
    const x = numbers(length);
    const before = x.slice();
    softmax(x, count);
    const exponentials = Array.from(before.subarray(0, count), Math.exp);
    const sum = exponentials.reduce((total, each) => total + each);
    assertNear(x, (i) => (i < count ? exponentials[i] / sum : before[i]), 1e-6);
  }
  const apart = room.copy([1000, -1000, 0]);
  softmax(apart, 3);
  assertNear(apart, (i) => Number(i === 0), 1e-30);
});

test("sums, and what is below zero", () => {
  const [out, x] = [numbers(21), numbers(7)];
  const before = out.slice();
  add(out, x, 3);
  assertNear(out, (i) => before[i] + x[i % 7], 1e-6);
  const sums = out.slice();
  relu(out);
  assertNear(out, (i) => Math.max(sums[i], 0), 0);
});

test("a closed room's arrays are zeros in the next", () => {
  const first = createRoom();
  const [one, other] = [first.floats(5), first.floats(5)];
  assert.notEqual(one.byteOffset, other.byteOffset);
  assert.equal(other.byteOffset % 16, 0);
  one.fill(1);
  other.fill(2);
  first.close();
  const second = createRoom();
  const again = [second.floats(5), second.floats(5)];
  assert.deepEqual(new Set(again.map((each) => each.byteOffset)), new Set([one.byteOffset, other.byteOffset]));
  for (const each of again) assert.deepEqual([...each], [0, 0, 0, 0, 0]);
  assert.throws(() => second.floats(2 ** 30), RangeError);
});
