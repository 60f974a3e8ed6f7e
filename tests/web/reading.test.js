import assert from "node:assert/strict";
import { test } from "node:test";
import * as reading from "../../fewshot/interface/web/reading.js";
import { addRows, beginRun, unpack } from "../../fewshot/interface/web/run.js";
import { madeChunk } from "./made.js";

const chunk = madeChunk();
const run = beginRun(chunk);
addRows(run, chunk, await unpack(chunk));

/**
 * @param {ArrayLike<number>} actual
 * @param {number[]} expected
 */
function assertClose(actual, expected) {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i] - value) < 1e-6, `${Array.from(actual)} is not ${expected}`);
  });
}

test("attention of one head, and the mean of all", () => {
  assertClose(reading.attentionOf(run, 0, 0), [0.5, 0, 0, 0]);
  assertClose(reading.attentionOf(run, 0, 1), [0, 0.2, 1, 0.4]);
  assertClose(reading.attentionOf(run, 0, "mean"), [0.25, 0.1, 0.5, 0.2]);
  assertClose(reading.attentionOf(run, 1, 1), [0, 0, 0, 0]);
});

test("the largest weight of the picture, of one head and of the mean of all", () => {
  assert.equal(reading.largestOf(run, 1), 1);
  assert.equal(reading.largestOf(run, 0), 1);
  assert.equal(reading.largestOf({ ...run, rows: 1 }, 0), 0.5);
  assert.equal(reading.largestOf({ ...run, rows: 1 }, "mean"), 0.5);
});

test("shares of the supports", () => {
  assertClose(reading.sharesOf(run, 0, 0), [0.5, 0]);
  assertClose(reading.sharesOf(run, 0, "mean"), [0.5, 0.25]);
  assertClose(reading.sharesOf(run, 1, "mean"), [0.125, 0.125]);
});

test("what was read of the drawing itself", () => {
  assertClose(reading.ownAttentionOf(run, 2, 0), [0.5]);
  assertClose(reading.ownAttentionOf(run, 2, "mean"), [(0.5 + 0.2) / 2]);
  assert.equal(reading.ownShareOf(run, 2, 1), 0.25);
  assert.equal(reading.ownShareOf(run, 2, "mean"), 0.375);
  const without = beginRun(madeChunk({ own_grid: [0, 0] }));
  assert.equal(reading.ownAttentionOf(without, 2, 0).length, 0);
  assert.equal(reading.ownShareOf(without, 2, "mean"), 0);
});

test("the full colour is the largest weight, or what is four times an even share", () => {
  assert.equal(reading.fullColour(run, 2), 2);
  assert.equal(reading.fullColour(run, 0.5), 1); // 4 places
});

test("the gaze is where a pixel read most, in pixels of its support", () => {
  const one = { ...run, shots: 1, heads: 1, largest: Float32Array.of(1, 0.5, 0, 0), weights: new Uint8Array(8) };
  one.weights.set([0, 255, 255, 0]);
  assert.deepEqual(reading.gazeOf(one, 0, "mean"), [1.5, 1]);
  assert.deepEqual(reading.gazesInRow(one, 1, 0), [
    [1.5, 1],
    [0.5, 1],
  ]);
  assert.deepEqual(reading.gazesInRow(one, 2, 0), [null]);
});

test("surprise, as far as blind guessing", () => {
  assert.equal(reading.surpriseOf(run, 3), -0);
  assert.ok(Math.abs(reading.surpriseOf(run, 1) - Math.LN2) < 1e-6);
  assert.equal(reading.surpriseOf({ ...run, colours: 16, chance: Float32Array.of(0) }, 0), Math.log(16));
  assert.equal(reading.surpriseOf({ ...run, nats: Float32Array.of(0.25) }, 0), 0.25);
});

test("which pixel is of interest", () => {
  assert.equal(reading.lastOfInterest(run, 2), 1);
  assert.equal(reading.lastOfInterest(run, 4), 2); // the last of ink
  assert.equal(reading.lastOfInterest({ ...run, image: new Uint8Array(4) }, 4), 3);
  assert.equal(reading.lastOfInterest({ ...run, channels: 3 }, 4), 3);
  assert.equal(reading.lastOfInterest(run, 0), -1);
});

test("percentages are exact near 0 and 1", () => {
  const said = [0, 0.0004, 0.004, 0.5, 0.995, 0.9996, 1].map(reading.percent);
  assert.deepEqual(said, ["0 %", "< 0.1 %", "0.4 %", "50 %", "99.5 %", "> 99.9 %", "100 %"]);
});
