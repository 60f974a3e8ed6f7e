import assert from "node:assert/strict";
import { test } from "node:test";
import { addRows, beginRun, supportsOf, unpack } from "../../fewshot/interface/web/run.js";
import { ARRAYS, madeChunk } from "./made.js";

test("a chunk fills a run's arrays", async () => {
  const chunk = madeChunk();
  const run = beginRun(chunk);
  assert.equal(run.rows, 0);
  assert.deepEqual([run.pixels, run.places, run.live], [4, 2, false]);
  addRows(run, chunk, await unpack(chunk));
  assert.equal(run.rows, 2);
  for (const [name, expected] of Object.entries(ARRAYS)) {
    assert.deepEqual([...run[/** @type {keyof typeof ARRAYS} */ (name)]], expected, name);
  }
});

test("rows may come one by one, twice, and as bytes", async () => {
  const [first, second, whole] = [{ rows: 1 }, { start: 1 }, {}].map(madeChunk);
  const run = beginRun(first);
  addRows(run, first, await unpack(first));
  assert.deepEqual([...run.image], [0, 1, 0, 0]);
  second.data = Uint8Array.from(Buffer.from(String(second.data), "base64")).buffer;
  addRows(run, second, await unpack(second));
  assert.deepEqual([...run.weights], ARRAYS.weights);
  addRows(run, first, await unpack(first));
  assert.equal(run.rows, 2);
  addRows(run, whole, await unpack(whole));
  assert.deepEqual([...run.image], ARRAYS.image);
});

test("a run without attention, without steps, in colour", () => {
  const plain = beginRun(madeChunk({ heads: 0, grid: [0, 0], own_grid: [0, 0], support_nats: null }));
  assert.deepEqual([plain.before.length, plain.largest.length, plain.weights.length], [0, 0, 0]);
  const colourful = beginRun(madeChunk({ channels: 3 }));
  assert.deepEqual([colourful.image.length, colourful.before.length], [12, 0]);
});

test("supports, as bits and in colour", () => {
  assert.deepEqual([...supportsOf(beginRun(madeChunk()))], [1, 0, 0, 1, 0, 1, 1, 0]);
  const supports = Buffer.from([7, 8, 9]).toString("base64");
  assert.deepEqual([...supportsOf({ supports, channels: 3, shots: 1, pixels: 1 })], [7, 8, 9]);
});
