import assert from "node:assert/strict";
import { test } from "node:test";
import { pack } from "../../fewshot/interface/web/local/pack.js";
import { addRows, beginRun } from "../../fewshot/interface/web/run.js";

/** @typedef {import("../../fewshot/interface/web/run.js").Run} Run */

// Two pixels, two heads, one support with two places.
const FACTS = /** @type {any} */ ({
  height: 1,
  width: 2,
  channels: 1,
  heads: 2,
  shots: 1,
  grid: [1, 2],
  own_grid: [0, 0],
});
const DRAWN = {
  image: Uint8Array.of(0, 1),
  chance: Float32Array.of(0.25, 0.75),
  attention: Float32Array.of(0.5, 0.25, 0, 1, 0.125, 0.125, 0, 0),
  own: new Float32Array(),
  nats: new Float32Array(2),
  fit: 0,
  rows: 1,
};

/**
 * The run that comes of packing into some memory.
 * @param {ArrayBuffer[]} spares
 */
function packed(spares) {
  const chunk = pack(FACTS, DRAWN, 0, (values) => values, spares);
  const run = beginRun(chunk);
  addRows(run, chunk, chunk.data.buffer);
  return { run, memory: chunk.data.buffer };
}

test("rows are packed as hand-worked", () => {
  const { run } = packed([]);
  assert.deepEqual([...run.chance], [0.25, 0.75]);
  assert.deepEqual([...run.largest], [0.5, 1, 0.125, 0]);
  assert.deepEqual([...run.shares], [0.75, 1, 0.25, 0]);
  assert.deepEqual([...run.weights], [255, 128, 0, 255, 255, 255, 0, 0]);
  assert.deepEqual([...run.image], [0, 1]);
});

test("memory that was used before is taken if it has the size, and nothing of before is left in it", () => {
  const { run, memory } = packed([]);
  const spares = [new ArrayBuffer(memory.byteLength - 1)];
  assert.deepEqual(packed(spares).run, run);
  assert.equal(spares.length, 1);
  const used = new Uint8Array(memory.byteLength).fill(99).buffer;
  const again = packed([used]);
  assert.equal(again.memory, used);
  assert.deepEqual(again.run, run);
});

test("a run takes over the arrays of one that nobody needs, if they have the size", () => {
  const { run } = packed([]);
  const { weights } = run;
  const next = beginRun(/** @type {any} */ (FACTS), false, run);
  assert.equal(next.weights, weights);
  assert.ok(next.weights.every((weight) => weight === 0));
  const larger = beginRun(/** @type {any} */ ({ ...FACTS, shots: 2 }), false, next);
  assert.equal(larger.weights.length, 2 * weights.length);
  assert.equal(larger.chance, next.chance);
});
